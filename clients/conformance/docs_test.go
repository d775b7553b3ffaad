package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The table in docs has all scenarios and languages of today, and no failure.
func TestTableInDocs(t *testing.T) {
	if *languagesFlag != "" || *scenariosFlag != "" || *tableFlag != "" {
		t.Skip("not with flags that choose, or renew the table")
	}
	text, err := os.ReadFile(filepath.Join(suite.root, "docs", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), tableBegin)
	table, _, _ := strings.Cut(rest, tableEnd)
	const renew = "; renew it with -table docs/conformance.md"
	head := "| scenario | what |"
	for _, l := range suite.languages {
		head += " " + l.Language + " |"
	}
	if !strings.Contains(table, head+"\n") {
		t.Errorf("the table has not the languages of today" + renew)
	}
	for _, s := range suite.scenarios {
		if !strings.Contains(table, fmt.Sprintf("\n| `%s` | %s |", s.Name, s.Title)) {
			t.Errorf("the table lacks %s: %s"+renew, s.Name, s.Title)
		}
	}
	if got, want := strings.Count(table, "\n| `"), len(suite.scenarios)+2; got != want {
		t.Errorf("the table has %d rows, want %d"+renew, got, want)
	}
	if strings.Contains(table, failed.String()) {
		t.Errorf("the table has a failure")
	}
}
