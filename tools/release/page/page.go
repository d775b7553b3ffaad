// Package page reads the reference pages of the documentation: the pages of docs that
// describe a program or a file, and so become manual pages and completions.
package page

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Page is one page of the documentation. Its heading names what it describes:
//
//	# spread(8): the daemon
//	# spuser, sptuser
//
// Without a section in brackets it is a manual page, of section 1, if the first name is
// that of a program (its first word, for a page on a subcommand).
type Page struct {
	Names   []string
	Section string
	Summary string // what comes after the names: no capital, no full stop
	Body    []string
}

// Key is the name under which a manual page is found.
func (p *Page) Key() string { return p.Names[0] }

var (
	heading  = regexp.MustCompile(`^# (.+?)(?:: (.*))?$`)
	subject  = regexp.MustCompile(`^([\w.-]+(?: [\w.-]+)?)(?:\((\d)\))?$`)
	sentence = regexp.MustCompile(`^(.*?[^.])\.(?:\s|$)`)
)

// Read reads the pages in the docs directory of the repository at root, by name.
func Read(root string) ([]*Page, error) {
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		return nil, err
	}
	var pages []*Page
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		isProgram := func(name string) bool {
			info, err := os.Stat(filepath.Join(root, "cmd", name))
			return err == nil && info.IsDir()
		}
		if p := parse(string(text), isProgram); p != nil {
			pages = append(pages, p)
		}
	}
	if len(pages) == 0 {
		return nil, fmt.Errorf("no pages in %s", filepath.Join(root, "docs"))
	}
	slices.SortFunc(pages, func(a, b *Page) int { return strings.Compare(a.Key(), b.Key()) })
	return pages, nil
}

// parse returns nil if the text is no page of that kind.
func parse(text string, isProgram func(string) bool) *Page {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	h := heading.FindStringSubmatch(lines[0])
	if h == nil {
		return nil
	}
	p := &Page{Summary: h[2], Body: lines[1:]}
	for part := range strings.SplitSeq(h[1], ", ") {
		s := subject.FindStringSubmatch(part)
		if s == nil {
			return nil
		}
		if s[2] != "" {
			p.Section = s[2]
		}
		p.Names = append(p.Names, strings.ReplaceAll(s[1], " ", "-"))
	}
	if p.Section == "" {
		first, _, _ := strings.Cut(h[1], " ")
		if !isProgram(strings.TrimSuffix(first, ",")) {
			return nil
		}
		p.Section = "1"
	}
	if p.Summary == "" {
		p.Summary = firstSentence(p.Body)
	}
	return p
}

func firstSentence(body []string) string {
	var text []string
	for _, line := range body {
		if line == "" && len(text) > 0 {
			break
		}
		if line != "" {
			text = append(text, line)
		}
	}
	s := Plain(strings.Join(text, " "))
	if m := sentence.FindStringSubmatch(s); m != nil {
		s = m[1]
	}
	if len(s) > 1 && s[1] >= 'a' {
		s = strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

var link = regexp.MustCompile(`\[([^\]]*)\]\(([^)]*)\)`)

// Plain takes the marks of Markdown off a line.
func Plain(s string) string {
	s = link.ReplaceAllString(s, "$1")
	return strings.NewReplacer("`", "", "**", "", `\|`, "|").Replace(s)
}

// Table is a table of a page.
type Table struct {
	Head []string
	Rows [][]string // as many cells as Head
}

// Tables are those of the page, each with the place of its first line and of the first
// line after it.
func (p *Page) Tables() (tables []Table, at [][2]int) {
	for i := 0; i < len(p.Body); i++ {
		if !strings.HasPrefix(p.Body[i], "|") {
			continue
		}
		start := i
		var t Table
		for ; i < len(p.Body) && strings.HasPrefix(p.Body[i], "|"); i++ {
			cells := split(p.Body[i])
			switch {
			case i == start:
				t.Head = cells
			case i > start+1: // the second is the rule
				for len(cells) < len(t.Head) {
					cells = append(cells, "")
				}
				t.Rows = append(t.Rows, cells[:len(t.Head)])
			}
		}
		tables, at = append(tables, t), append(at, [2]int{start, i})
	}
	return tables, at
}

// split takes a line of a table apart. Bars in code or behind a backslash part nothing.
func split(line string) []string {
	line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "|"), "|")
	var cells []string
	var cell strings.Builder
	code := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line) && line[i+1] == '|':
			cell.WriteByte('|')
			i++
		case c == '|' && !code:
			cells = append(cells, strings.TrimSpace(cell.String()))
			cell.Reset()
		default:
			if c == '`' {
				code = !code
			}
			cell.WriteByte(c)
		}
	}
	return append(cells, strings.TrimSpace(cell.String()))
}
