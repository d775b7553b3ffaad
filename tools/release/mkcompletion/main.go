// Mkcompletion makes completions for shells of the documentation:
//
//	mkcompletion ROOT OUT
//
// writes OUT/bash/NAME, OUT/zsh/_NAME and OUT/fish/NAME.fish for each program. The
// options are the rows of the tables whose first column is called "option" or
// "argument"; subcommands those of "subcommand", and pages with the name of one.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gospread/spread/tools/release/page"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: mkcompletion ROOT OUT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "mkcompletion:", err)
		os.Exit(1)
	}
}

// option is one that a program takes.
type option struct {
	flag    string // with its dashes
	value   string // what its value is called; empty: it has none
	choices []string
	help    string
}

func (o *option) isFile() bool {
	v := strings.ToUpper(o.value)
	return v == "FILE" || v == "PATH"
}

// program is what can be completed after a name.
type program struct {
	name    string
	options []*option
	subs    []*program
	help    string
}

func run(root, out string) error {
	pages, err := page.Read(root)
	if err != nil {
		return err
	}
	for _, shell := range []struct {
		dir, before, after string
		text               func(*program) string
	}{{"bash", "", "", bash}, {"zsh", "_", "", zsh}, {"fish", "", ".fish", fish}} {
		dir := filepath.Join(out, shell.dir)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for _, p := range programs(pages) {
			file := filepath.Join(dir, shell.before+p.name+shell.after)
			if err := os.WriteFile(file, []byte(shell.text(p)), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// programs are those that the pages describe, with their subcommands.
func programs(pages []*page.Page) []*program {
	var list []*program
	byName := make(map[string]*program)
	for _, pg := range pages { // sorted: a program comes before its subcommands
		if pg.Section == "5" {
			continue
		}
		for _, name := range pg.Names {
			p := &program{name: name, options: options(pg), subs: subcommands(pg), help: short(pg.Summary)}
			if first, rest, ok := strings.Cut(name, "-"); ok && byName[first] != nil {
				byName[first].addSub(rest, p)
				continue
			}
			byName[name] = p
			list = append(list, p)
		}
	}
	return list
}

// addSub adds a subcommand that has a page of its own. What the page does not say, the
// program's says.
func (p *program) addSub(name string, sub *program) {
	sub.name = name
	i := slices.IndexFunc(p.subs, func(s *program) bool { return s.name == name })
	if i < 0 {
		p.subs = append(p.subs, sub)
		return
	}
	if len(sub.options) == 0 {
		sub.options = p.subs[i].options
	}
	p.subs[i] = sub
}

var (
	code   = regexp.MustCompile("`([^`]+)`")
	flag   = regexp.MustCompile(`^(--?[A-Za-z][A-Za-z-]*)(?:[ =](\S+))?`)
	either = regexp.MustCompile("^(?:`[a-z0-9]+`(?:, | or )?){2,}")
)

func options(pg *page.Page) []*option {
	var list []*option
	tables, _ := pg.Tables()
	for _, t := range tables {
		if t.Head[0] != "option" && t.Head[0] != "argument" {
			continue
		}
		for _, row := range t.Rows {
			for _, c := range code.FindAllStringSubmatch(row[0], -1) {
				m := flag.FindStringSubmatch(c[1])
				if m == nil {
					continue
				}
				list = add(list, m[1], m[2], row[1])
			}
		}
	}
	return list
}

// add adds what a row says of an option to what others have said.
func add(list []*option, name, value, meaning string) []*option {
	i := slices.IndexFunc(list, func(o *option) bool { return o.flag == name })
	if i < 0 {
		i = len(list)
		list = append(list, &option{flag: name, help: short(meaning)})
	}
	o := list[i]
	if o.value == "" {
		o.value = value
	}
	if value == strings.ToLower(value) && len(value) == 1 { // itself
		o.choices = append(o.choices, value)
	} else if m := either.FindString(meaning); m != "" && value != "" {
		for _, c := range code.FindAllStringSubmatch(m, -1) {
			o.choices = append(o.choices, c[1])
		}
	}
	return list
}

func subcommands(pg *page.Page) []*program {
	var list []*program
	tables, _ := pg.Tables()
	for _, t := range tables {
		if t.Head[0] != "subcommand" {
			continue
		}
		for _, row := range t.Rows {
			for _, c := range code.FindAllStringSubmatch(row[0], -1) {
				name, _, _ := strings.Cut(c[1], " ")
				if slices.ContainsFunc(list, func(p *program) bool { return p.name == name }) {
					continue
				}
				list = append(list, &program{name: name, options: options(pg), help: short(row[1])})
			}
		}
	}
	return list
}

// short is the beginning of a text, as far as it stands alone, without what shells
// would make something of.
func short(text string) string {
	text = page.Plain(text)
	if i := strings.IndexAny(text, ";:(."); i > 0 {
		text = text[:i]
	}
	text = strings.NewReplacer("'", "", `"`, "", "[", "", "]", "", "$", "", `\`, "").Replace(text)
	if r := []rune(text); len(r) > 60 {
		text = string(r[:60])
		text = text[:max(strings.LastIndex(text, " "), 1)]
	}
	return strings.TrimRight(text, " ,")
}

func (p *program) words() []string {
	var words []string
	for _, s := range p.subs {
		words = append(words, s.name)
	}
	for _, o := range p.options {
		words = append(words, o.flag)
	}
	return words
}

// bash

func bash(p *program) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# bash completion for %s\n\n", p.name)
	fmt.Fprintf(&b, "_gospread_%s() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n", p.name)
	for _, s := range p.subs {
		fmt.Fprintf(&b, "\tif [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} == %s ]]; then\n", s.name)
		bashWords(&b, s, "\t\t")
		b.WriteString("\t\treturn\n\tfi\n")
	}
	bashWords(&b, p, "\t")
	fmt.Fprintf(&b, "}\n\ncomplete -F _gospread_%s %s\n", p.name, p.name)
	return b.String()
}

func bashWords(b *strings.Builder, p *program, indent string) {
	line := func(format string, args ...any) { fmt.Fprintf(b, indent+format+"\n", args...) }
	line("case $prev in")
	var plain []string
	for _, o := range p.options {
		switch {
		case o.value == "":
		case len(o.choices) > 0:
			line("%s) mapfile -t COMPREPLY < <(compgen -W %q -- \"$cur\"); return ;;", o.flag, strings.Join(o.choices, " "))
		case o.isFile():
			line("%s) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;", o.flag)
		default:
			plain = append(plain, o.flag)
		}
	}
	if len(plain) > 0 {
		line("%s) return ;;", strings.Join(plain, "|"))
	}
	line("esac")
	line("mapfile -t COMPREPLY < <(compgen -W %q -- \"$cur\")", strings.Join(p.words(), " "))
}

// zsh

func zsh(p *program) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %s\n\n", p.name)
	if len(p.subs) > 0 {
		b.WriteString("if (( CURRENT > 2 )); then\n\tcase $words[2] in\n")
		for _, s := range p.subs {
			fmt.Fprintf(&b, "\t%s)\n\t\tshift words; (( CURRENT-- ))\n%s\t\treturn ;;\n", s.name, zshArguments(s, "\t\t"))
		}
		b.WriteString("\tesac\nelse\n\tlocal -a commands=(\n")
		for _, s := range p.subs {
			fmt.Fprintf(&b, "\t\t'%s:%s'\n", s.name, s.help)
		}
		b.WriteString("\t)\n\t_describe command commands\nfi\n")
	}
	b.WriteString(zshArguments(p, ""))
	return b.String()
}

func zshArguments(p *program, indent string) string {
	var b strings.Builder
	b.WriteString(indent + "_arguments")
	for _, o := range p.options {
		fmt.Fprintf(&b, " \\\n%s\t'*%s[%s]", indent, o.flag, o.help)
		switch {
		case o.value == "":
		case len(o.choices) > 0:
			fmt.Fprintf(&b, ":%s:(%s)", strings.ToLower(strings.TrimLeft(o.flag, "-")), strings.Join(o.choices, " "))
		case o.isFile():
			b.WriteString(":file:_files")
		default:
			fmt.Fprintf(&b, ":%s: ", strings.ToLower(strings.Trim(o.value, ".")))
		}
		b.WriteString("'")
	}
	b.WriteString("\n")
	return b.String()
}

// fish

func fish(p *program) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# fish completion for %s\n\ncomplete -c %s -f\n", p.name, p.name)
	condition := ""
	if len(p.subs) > 0 {
		var names []string
		for _, s := range p.subs {
			names = append(names, s.name)
			fmt.Fprintf(&b, "complete -c %s -n __fish_use_subcommand -a %s -d '%s'\n", p.name, s.name, s.help)
		}
		condition = fmt.Sprintf(" -n 'not __fish_seen_subcommand_from %s'", strings.Join(names, " "))
	}
	fishOptions(&b, p.name, condition, p.options)
	for _, s := range p.subs {
		fishOptions(&b, p.name, fmt.Sprintf(" -n '__fish_seen_subcommand_from %s'", s.name), s.options)
	}
	return b.String()
}

func fishOptions(b *strings.Builder, name, condition string, options []*option) {
	for _, o := range options {
		var how string
		switch bare := strings.TrimLeft(o.flag, "-"); {
		case strings.HasPrefix(o.flag, "--"):
			how = "-l " + bare
		case len(bare) == 1:
			how = "-s " + bare
		default:
			how = "-o " + bare
		}
		switch {
		case o.value == "":
		case len(o.choices) > 0:
			how += fmt.Sprintf(" -x -a '%s'", strings.Join(o.choices, " "))
		case o.isFile():
			how += " -r -F"
		default:
			how += " -x"
		}
		fmt.Fprintf(b, "complete -c %s%s %s -d '%s'\n", name, condition, how, o.help)
	}
}
