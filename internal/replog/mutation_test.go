package replog

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// mutants break the cores. Each must make one of the histories fail.
var mutants = []struct{ name, file, old, new string }{
	{"one replica is enough to commit", "majority.go", "have[len(have)-c.needed()]", "have[len(have)-1]"},
	{"all replicas must have it", "majority.go", "if len(have) < c.needed() {", "if len(have) < len(c.cfg.Replicas) {"},
	{"an epoch has the number of the one before", "majority_view.go", "\tv.epoch++\n", ""},
	{"a promise is not persisted", "majority_view.go", "c.saveNumber(promiseRecord, v.epoch)", ""},
	{"it is acknowledged before it is persisted", "majority.go", "\tc.persist()\n\tif c.failed || c.me", "\tdefer c.persist()\n\tif c.failed || c.me"},
	{"who has nothing counts", "majority_view.go", "h := &majorityHello{private: sender, name: nameOf(sender)}\n\tvar view, set string\n\tif !m.take(&view, &h.stateful,", "h := &majorityHello{private: sender, name: nameOf(sender), stateful: true}\n\tvar view, set string\n\tvar s bool\n\tif !m.take(&view, &s,"},
	{"the shortest log is taken", "majority_view.go", "h.length > b.length ||", "h.length < b.length ||"},
	{"the longest log is taken, of whatever epoch", "majority_view.go", "h.epoch > b.epoch || h.epoch == b.epoch &&\n", "\n"},
	{"a log of another epoch is kept to its end", "majority_view.go", "case h.epoch == v.base.epoch:", "case h.length <= v.base.length:"},
	{"the signal is not minded", "majority_view.go", "if v := c.view; v != nil {\n\t\tv.phase, v.reason = ended", "if v := c.view; v != nil && false {\n\t\tv.phase, v.reason = ended"},
	{"no promises are needed", "majority_view.go", "len(v.promised) >= c.needed()", "len(v.promised) >= 1"},
	{"ids are not remembered", "majority.go", "c.mem.add(e.ID, result)", ""},
	{"ids are lost with a snapshot", "majority.go", "\tc.mem = mem\n", "\tc.mem = newMemory()\n"},
	{"updates that come with the state are lost", "majority_view.go", "\tfor _, e := range v.tail {\n\t\tc.append(e)\n\t}\n", ""},
	{"a sync asks nobody", "majority.go", "w.placed && len(w.heard) >= c.needed()", "w.placed"},
	{"a sync does not wait for what is before it", "majority.go", "&& c.log.commit >= w.upto", ""},
	{"what was sent is refused", "pending.go", "if !w.sent || w.sync > 0 {", "if true {"},
	{"what is under way is not sent again", "majority.go", "} else if !logged[w.entry.ID] {", "} else if false {"},
	{"who was left behind goes on", "majority_view.go", "if v.skipped[c.me] {", "if false {"},
	{"a snapshot leaves out what is not applied", "majority.go", "for _, e := range c.log.behind(c.log.commit) {\n\t\t\tb =", "for _, e := range c.log.behind(c.log.length()) {\n\t\t\tb ="},
	{"acknowledgements of other epochs count", "majority.go", "|| epoch != c.ackOf ||", "||"},
	{"a cut is not persisted", "majority_view.go", "c.saveNumber(cutRecord, has)", ""},

	{"updates that come with the state are lost", "everywhere.go", "\tfor _, e := range v.tail {\n\t\tc.apply(e)\n\t}\n", ""},
	{"what is under way is not sent again", "everywhere.go", "\t\t} else {\n\t\t\tc.sendWish(w)\n\t\t}\n\t}\n}\n\nfunc (c *Everywhere) updated", "\t\t}\n\t}\n}\n\nfunc (c *Everywhere) updated"},
	{"ids are lost in a merge", "everywhere.go", "if c.mem.ids[id] == nil {\n\t\t\t\tc.mem.add", "if false {\n\t\t\t\tc.mem.add"},
	{"states that differ are not compared", "everywhere.go", "l != \"\" && !slices.Contains(v.heads, l)", "l != \"\" && len(v.heads) == 0"},
}

// mutantVar tells how many histories a mutant is to be looked for in.
const mutantVar = "REPLOG_MUTANT"

func TestMutants(t *testing.T) {
	if testing.Short() || os.Getenv(mutantVar) != "" {
		t.Skip("it takes a minute")
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			src, err := os.ReadFile(m.file)
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(src, []byte(m.old)); n != 1 {
				t.Fatalf("the text stands %d times in %s, not once; the code has changed", n, m.file)
			}
			dir := t.TempDir()
			broken, binary := filepath.Join(dir, "broken.go"), filepath.Join(dir, "mutant.exe")
			path, err := filepath.Abs(m.file)
			if err != nil {
				t.Fatal(err)
			}
			overlay, _ := json.Marshal(map[string]any{"Replace": map[string]string{path: broken}})
			for name, b := range map[string][]byte{broken: bytes.Replace(src, []byte(m.old), []byte(m.new), 1), filepath.Join(dir, "o.json"): overlay} {
				if err := os.WriteFile(name, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			build := exec.Command("go", "test", "-c", "-vet=off", "-overlay", filepath.Join(dir, "o.json"), "-o", binary, ".")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("it does not compile: %s", out)
			}
			run := exec.Command(binary, "-test.run", "Histories|CatchesUp|Gone|Epoch", "-test.timeout", "60s")
			run.Env = append(os.Environ(), mutantVar+"=10000")
			if out, err := run.CombinedOutput(); err == nil {
				t.Errorf("nothing fails: %s", out)
			}
		})
	}
}
