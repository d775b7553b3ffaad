package mutants

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var write = flag.Bool("write", false, "write docs/mutants.md anew from the tables")

// numRules are D1 to D20 and C1 to C23.
var numRules = map[string]int{"D": 20, "C": 23}

// broken is a rule that a mutant breaks, with the first seed that shows it.
type broken struct {
	rule string
	seed uint64
}

// breaks are the rules of a mutant.
func (f *fault) breaks() (list []broken) {
	for word := range strings.FieldsSeq(f.rules) {
		rule, seed, _ := strings.Cut(word, "@")
		n, err := strconv.ParseUint(seed, 10, 64)
		if err != nil {
			panic(fmt.Sprintf("mutant %q: %q is not a rule with a seed, such as D7@12", f.name, word))
		}
		list = append(list, broken{rule, n})
	}
	return list
}

// TestEveryRule: there is a mutant for each rule.
func TestEveryRule(t *testing.T) {
	for letter, n := range numRules {
		for i := 1; i <= n; i++ {
			rule := fmt.Sprint(letter, i)
			if len(breaking(rule)) == 0 {
				t.Errorf("nothing breaks %s", rule)
			}
		}
	}
	names := make(map[string]bool)
	for _, f := range faults() {
		if names[f.name] {
			t.Errorf("two mutants are called %q", f.name)
		}
		names[f.name] = true
		n := 0
		for _, field := range []string{f.rules, f.script, f.why} {
			if field != "" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("mutant %q: either it breaks rules, or it breaks a script, or it is said why it does not", f.name)
		}
		for _, b := range f.breaks() {
			if b.seed >= uint64(f.within) {
				t.Errorf("mutant %q: seed %d is not within %d", f.name, b.seed, f.within)
			}
		}
	}
}

// breaking are the mutants that break a rule.
func breaking(rule string) (list []fault) {
	for _, f := range faults() {
		if slices.ContainsFunc(f.breaks(), func(b broken) bool { return b.rule == rule }) {
			list = append(list, f)
		}
	}
	return list
}

const document = "../../docs/mutants.md"

// Marks between which the tables stand in the document.
const begin, end = "<!-- tables: go test ./internal/mutants -run TestDocument -write -->", "<!-- end of tables -->"

// TestEdit: a text that is not there once is refused with advice.
func TestEdit(t *testing.T) {
	e := edit{file: "ring/x.go", old: "a := 1", new: "a := 2"}
	if at, err := e.find([]byte("f() { a := 1 }")); err != nil || at != 6 {
		t.Errorf("at %d, %v", at, err)
	}
	for _, src := range []string{"f() { a := 3 }", "a := 1; a := 1"} {
		if _, err := e.find([]byte(src)); err == nil || !strings.Contains(err.Error(), "internal/ring/x.go") {
			t.Errorf("%q: %v", src, err)
		}
	}
}

// TestDocument: docs/mutants.md has the tables as they are here.
func TestDocument(t *testing.T) {
	b, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(b), begin)
	_, tail, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("docs/mutants.md has no %s and %s", begin, end)
	}
	text := head + begin + "\n\n" + tables() + end + tail
	if text == string(b) {
		return
	}
	if !*write {
		t.Fatal("docs/mutants.md has other tables: go test ./internal/mutants -run TestDocument -write")
	}
	if err := os.WriteFile(document, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tables are the tables of the document.
func tables() string {
	var b strings.Builder
	b.WriteString("| rule | what is broken | in | workload | found within seeds | first |\n|---|---|---|---|---|---|\n")
	for _, letter := range []string{"D", "C"} {
		for i := 1; i <= numRules[letter]; i++ {
			rule := fmt.Sprint(letter, i)
			for _, f := range breaking(rule) {
				k := slices.IndexFunc(f.breaks(), func(b broken) bool { return b.rule == rule })
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %d | %d |\n", rule, f.name, f.files(), f.load, f.within, f.breaks()[k].seed)
			}
		}
	}
	b.WriteString("\nWhat shows in words of the simulator rather than in a rule (`rest`: an idle ring that does not rest; `hang`, `panic`, `datagram`, `groups`):\n\n" +
		"| shows as | what is broken | in | workload | found within seeds | first |\n|---|---|---|---|---|---|\n")
	for _, f := range faults() {
		for _, k := range f.breaks() {
			if !strings.ContainsAny(k.rule, "0123456789") {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %d | %d |\n", k.rule, f.name, f.files(), f.load, f.within, k.seed)
			}
		}
	}
	b.WriteString("\nWhat random runs show too rarely or not at all, as it breaks no rule but the time something may take, and a script shows:\n\n" +
		"| test | what is broken | in |\n|---|---|---|\n")
	for _, f := range faults() {
		if f.script != "" {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.script, f.name, f.files())
		}
	}
	b.WriteString("\nWhat no run shows, or hardly any:\n\n| what is broken | in | why nothing shows it |\n|---|---|---|\n")
	for _, f := range faults() {
		if f.why != "" {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", f.name, f.files(), f.why)
		}
	}
	b.WriteString("\n")
	return b.String()
}

// files are the files that the mutant is in.
func (f *fault) files() string {
	var files []string
	for _, e := range f.edits {
		if !slices.Contains(files, e.file) {
			files = append(files, e.file)
		}
	}
	return strings.Join(files, ", ")
}
