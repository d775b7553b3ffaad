package jobtable

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

// The vectors are histories of the workers of the simulation: what each was told,
// and what it answered. Cores in other languages must answer alike
// (docs/workqueue.md). go test ./internal/jobtable -run Vectors -update writes them
// anew.
var update = flag.Bool("update", false, "write the vectors anew")

const vectorFile = "../../testdata/workqueue/histories.jsonl"

// call is a line of a history: one call, its effects, and the digest behind it.
// Bytes are base64.
type call struct {
	Core    int        `json:"core"` // which of the workers
	Op      string     `json:"op"`
	Config  *Config    `json:"config,omitempty"`
	Name    string     `json:"name,omitempty"`
	Members []string   `json:"members,omitempty"`
	Data    []byte     `json:"data,omitempty"`
	Attempt int64      `json:"attempt,omitempty"`
	N       int64      `json:"n,omitempty"`
	Outcome *Outcome   `json:"outcome,omitempty"`
	Effects [][]string `json:"effects"`
	Digest  string     `json:"digest"`
}

func (c *call) on(core *Core) []Effect {
	switch c.Op {
	case "connected":
		core.Connected(c.Name)
	case "view":
		return core.View(c.Name, c.Members)
	case "message":
		return core.Message(c.Name, c.Data)
	case "finish":
		return core.Finish(c.Name, c.Attempt, *c.Outcome)
	case "progress":
		return core.Progress(c.Name, c.Attempt, c.N, string(c.Data))
	case "capacity":
		return core.SetCapacity(c.N)
	case "skip":
		return core.Skip()
	case "tick":
		return core.Tick()
	}
	return nil
}

// listed writes effects down.
func listed(effects []Effect) [][]string {
	list := [][]string{}
	for _, e := range effects {
		switch e := e.(type) {
		case Send:
			data := append(e.Message.Header(), e.Message.Data...)
			list = append(list, append([]string{"send", hashOf(data), string(e.Message.Header())}, e.To...))
		case Start:
			list = append(list, []string{"start", e.ID, jsonInt(e.Attempt), jsonInt(e.Limit), string(e.Payload)})
		case Stop:
			list = append(list, []string{"stop", e.ID, jsonInt(e.Attempt), e.Reason})
		case Rejoin:
			list = append(list, []string{"rejoin"})
		}
	}
	return list
}

func jsonInt(n int64) string { b, _ := json.Marshal(n); return string(b) }

func record(t *testing.T) []byte {
	var all bytes.Buffer
	enc := json.NewEncoder(&all)
	r := rand.New(rand.NewPCG(7, 7))
	for _, seed := range []uint64{2, 8, 10, 15} {
		w := newWorld(t, seed, 3)
		w.faults, w.trouble = true, seed%2 == 0
		if seed%5 == 0 {
			w.limits.Kept, w.limits.KeptBytes, w.limits.Jobs = 10, 1000, 8
		}
		write := func(c *call, core *Core, effects []Effect) {
			c.Effects, c.Digest = listed(effects), core.Digest()
			if err := enc.Encode(c); err != nil {
				t.Fatal(err)
			}
		}
		var calls []*call
		w.log = func(s *simWorker, c *call, effects []Effect) {
			c.Core = s.daemon
			calls = append(calls, c)
			write(c, s.core, effects)
		}
		for range 1500 {
			w.step()
		}
		for len(w.parts) > 1 {
			w.merge()
		}
		w.settle(true)
		if seed > 8 {
			continue
		}
		// Once more, among messages that make little sense.
		cores := map[int]*Core{}
		for _, c := range calls {
			if c.Op == "new" {
				cores[c.Core] = New(*c.Config)
			}
			if c.Op == "message" && r.IntN(3) == 0 {
				bad := &call{Core: c.Core, Op: c.Op, Name: c.Name, Data: spoiled(r, c.Data)}
				write(bad, cores[c.Core], bad.on(cores[c.Core]))
			}
			write(c, cores[c.Core], c.on(cores[c.Core]))
		}
	}
	for _, s := range scenarios {
		s.play(t, func(c *call, core *Core, effects []Effect) {
			c.Effects, c.Digest = listed(effects), core.Digest()
			if err := enc.Encode(c); err != nil {
				t.Fatal(err)
			}
		})
	}
	return all.Bytes()
}

// spoiled returns a message with something wrong, in ASCII.
func spoiled(r *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + r.IntN(3) {
		at := len(magic) + r.IntN(len(b)-len(magic))
		switch r.IntN(4) {
		case 0:
			b[at] = byte(r.IntN(128))
		case 1:
			b = slices.Delete(b, at, min(at+r.IntN(8), len(b)-1))
		case 2:
			b = slices.Insert(b, at, []byte(strconv.Itoa(r.IntN(1000)))...)
		case 3:
			b = slices.Insert(b, at, b[at:at+r.IntN(len(b)-at)]...)
		}
	}
	return b
}

func TestVectors(t *testing.T) {
	if *update {
		if err := os.WriteFile(vectorFile, record(t), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	cores := map[int]*Core{}
	n := 0
	for ; lines.Scan(); n++ {
		var c call
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if c.Op == "new" {
			cores[c.Core] = New(*c.Config)
		}
		core := cores[c.Core]
		got, _ := json.Marshal(listed(c.on(core)))
		want, _ := json.Marshal(c.Effects)
		if !bytes.Equal(got, want) || core.Digest() != c.Digest {
			t.Fatalf("line %d, %s: effects\n%s, want\n%s", n+1, c.Op, got, want)
		}
	}
	if n < 1000 || lines.Err() != nil {
		t.Fatalf("only %d lines: %v", n, lines.Err())
	}
}
