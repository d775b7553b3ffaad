package packaging

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// complete returns what a shell offers for a command line.
func complete(t *testing.T, shell, program, line string) string {
	t.Helper()
	base := filepath.Join(dir, "bin/completions")
	switch shell {
	case "bash":
		return run(t, "bash", "-c", `
			source "$1/bash/$2"
			read -ra COMP_WORDS <<<"$3"
			[[ $3 != *" " ]] || COMP_WORDS+=("")
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
			compopt() { :; }
			_gospread_$2
			printf '%s\n' "${COMPREPLY[@]}"`, "bash", base, program, line)
	case "fish":
		return run(t, "fish", "--no-config", "-c", fmt.Sprintf("source %s/fish/%s.fish; complete -C '%s'", base, program, line))
	}
	// A terminal of its own, in which the key for completion is pressed.
	return run(t, "zsh", "-f", "-c", `
		zmodload zsh/zpty
		zpty shell zsh -f -i
		zpty -w shell "fpath=($1 \$fpath); autoload -U compinit; compinit -u -D; bindkey '^I' list-choices; LISTMAX=1000; PROMPT=RE; PROMPT+=ADY"
		zpty -r shell out '*READY*'
		zpty -w -n shell "$2"$'\t'
		zpty -w shell $'\C-u'"print DO""NE"
		zpty -r shell out '*DONE*'
		print -r -- "$out"
		zpty -d shell`, "zsh", base+"/zsh", line)
}

// TestCompletions: the shells offer options, the words that a value can be, and files.
func TestCompletions(t *testing.T) {
	need(t, completions)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("../my.conf", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		for _, c := range []struct{ program, line, want string }{
			{"spuser", "spuser --js", "--json"},
			{"sptuser", "sptuser --e", "--exec"},
			{"spflooder", "spflooder --service ", "agreed"},
			{"spread", "spread -l ", "y"},
			{"spread", "spread doctor --w", "--wait"},
			{"spmonitor", "spmonitor par", "partition"},
			{"spmonitor", "spmonitor top -", "-t"},
			{"sptmonitor", "sptmonitor to", "top"},
			{"spread", "spread -c " + filepath.Join(dir, "bin/complet"), "completions"},
		} {
			if got := complete(t, shell, c.program, c.line); !strings.Contains(got, c.want) {
				t.Errorf("%s: %q offers %q, want %q", shell, c.line, got, c.want)
			}
		}
	}
}

var anOption = regexp.MustCompile(`(?m)(?:^|[\s\[|])(--?[a-z][a-z-]*)`)

// TestOptionsAreDocumented: the pages, of which manuals and completions are made, have
// the options of --help, and no others.
func TestOptionsAreDocumented(t *testing.T) {
	need(t, completions)
	need(t, programs)
	for _, program := range commands(t) {
		var want []string
		for _, m := range anOption.FindAllStringSubmatch(run(t, filepath.Join(dir, "bin", program), "--help"), -1) {
			if !slices.Contains(want, m[1]) {
				want = append(want, m[1])
			}
		}
		slices.Sort(want)
		got := strings.Fields(complete(t, "bash", program, program+" -"))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: --help has %v, its page %v", program, want, got)
		}
	}
}
