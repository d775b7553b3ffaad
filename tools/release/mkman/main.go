// Mkman makes manual pages of the documentation:
//
//	mkman ROOT VERSION OUT
//
// writes OUT/man8/spread.8 and so on.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/cpuguy83/go-md2man/v2/md2man"

	"gospread/spread/tools/release/page"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: mkman ROOT VERSION OUT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "mkman:", err)
		os.Exit(1)
	}
}

func run(root, version, out string) error {
	pages, err := page.Read(root)
	if err != nil {
		return err
	}
	sections := make(map[string]string)
	for _, p := range pages {
		for _, n := range p.Names {
			sections[n] = p.Section
		}
	}
	for _, p := range pages {
		dir := filepath.Join(out, "man"+p.Section)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		text := tidy(md2man.Render([]byte(markdown(p, version, sections))))
		for _, n := range p.Names { // whole pages: those that only name another are not found by man -l
			if err := os.WriteFile(filepath.Join(dir, n+"."+p.Section), text, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// parts of the manual by section.
var parts = map[string]string{"1": "User commands", "5": "File formats", "8": "System administration"}

// markdown is the page as the converter wants it.
func markdown(p *page.Page, version string, sections map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%% %q %q \"\" %q %q\n\n", strings.ToUpper(p.Key()), p.Section, "gospread "+version, parts[p.Section])
	fmt.Fprintf(&b, "# NAME\n\n%s - %s\n\n", strings.Join(p.Names, ", "), page.Plain(p.Summary))
	body := tablesAsLists(p)
	synopsis, body := takeSynopsis(body)
	if synopsis != "" {
		fmt.Fprintf(&b, "# SYNOPSIS\n\n%s\n\n", synopsis)
	}
	b.WriteString("# DESCRIPTION\n")
	code := false
	for _, line := range body {
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		if !code {
			line = links(line, sections)
			if h, ok := strings.CutPrefix(line, "## "); ok {
				line = "# " + strings.ToUpper(h)
			} else if h, ok := strings.CutPrefix(line, "### "); ok {
				line = "## " + h
			}
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// takeSynopsis takes the first code block out of what stands before the first section.
func takeSynopsis(body []string) (synopsis string, rest []string) {
	from := -1
	for i, line := range body {
		indented := strings.HasPrefix(line, "    ")
		switch {
		case from < 0 && strings.HasPrefix(line, "#"):
			return "", body
		case from < 0 && (indented || line == "```"):
			from = i
		case from >= 0 && (body[from] == "```" && line == "```" || body[from] != "```" && !indented):
			block := body[from : i+1]
			return strings.Join(block, "\n"), append(append([]string{}, body[:from]...), body[i+1:]...)
		}
	}
	return "", body
}

var link = regexp.MustCompile(`\[([^\]]*)\]\(([^)]*)\)`)

// links makes references to other manual pages of links to their sources, and leaves
// the text of other links.
func links(line string, sections map[string]string) string {
	return link.ReplaceAllStringFunc(line, func(l string) string {
		m := link.FindStringSubmatch(l)
		name := strings.TrimSuffix(m[2], ".md")
		switch section := sections[name]; {
		case section != "" && strings.Trim(m[1], "`") == name:
			return fmt.Sprintf("**%s**(%s)", name, section)
		case section != "":
			return fmt.Sprintf("%s (see **%s**(%s))", m[1], name, section)
		}
		return m[1]
	})
}

// narrow is how wide a table may be, in characters. Wider ones become lists.
const narrow = 66

// tablesAsLists replaces wide tables by lists of what is in the first column.
func tablesAsLists(p *page.Page) []string {
	tables, at := p.Tables()
	var body []string
	from := 0
	for i, t := range tables {
		body = append(body, p.Body[from:at[i][0]]...)
		from = at[i][1]
		if width(t) <= narrow {
			body = append(body, p.Body[at[i][0]:from]...)
			continue
		}
		main := widest(t)
		for _, row := range t.Rows {
			body = append(body, "", bold(row[0]), ": "+definition(t.Head, row, main))
		}
		body = append(body, "")
	}
	return append(body, p.Body[from:]...)
}

// bold makes code of a term what a term of a manual looks like. Outside of code, what
// is in angle brackets would be a tag of HTML, and vanish.
func bold(s string) string {
	return strings.NewReplacer("`", "**", "<", `\<`, ">", `\>`).Replace(s)
}

// definition is the row without its first cell: the prose, then what else there is.
func definition(head, row []string, main int) string {
	text := ""
	if main > 0 {
		text = row[main]
	}
	for i := 1; i < len(row); i++ {
		if i == main || row[i] == "" || row[i] == "-" {
			continue
		}
		if text != "" && !strings.HasSuffix(text, ".") {
			text += "."
		}
		text += fmt.Sprintf(" %s: %s.", strings.ToUpper(head[i][:1])+head[i][1:], row[i])
	}
	return strings.TrimSpace(text)
}

func width(t page.Table) int {
	total := 0
	for i := range t.Head {
		most := utf8.RuneCountInString(page.Plain(t.Head[i]))
		for _, row := range t.Rows {
			most = max(most, utf8.RuneCountInString(page.Plain(row[i])))
		}
		total += most + 3
	}
	return total
}

// widest is the column, other than the first, with the most text; 0 if none is prose.
func widest(t page.Table) int {
	best, most := 0, 15*len(t.Rows)
	for i := 1; i < len(t.Head); i++ {
		n := 0
		for _, row := range t.Rows {
			n += len(row[i])
		}
		if n > most {
			best, most = i, n
		}
	}
	return best
}

// tidy takes out what the converter adds and a manual page does without, and sets
// examples apart from the text.
func tidy(text []byte) []byte {
	var b strings.Builder
	code, apart, last := false, false, ""
	for line := range strings.SplitSeq(strings.TrimRight(string(text), "\n"), "\n") {
		switch {
		case line == "" && !code:
			continue
		case line == ".EX":
			code, apart = true, !strings.HasPrefix(last, ".SH")
			if apart {
				b.WriteString(".PP\n.RS 4\n")
			}
		case line == ".EE" && apart:
			code, line = false, ".EE\n.RE"
		case line == ".EE":
			code = false
		}
		b.WriteString(line + "\n")
		last = line
	}
	return []byte(b.String())
}
