package replog

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

// The vectors are histories of the replicas of the simulation: what each was told,
// and what it answered. Cores in other languages must answer alike
// (docs/replica.md). go test ./internal/replog -run Vectors -update writes them anew.
var update = flag.Bool("update", false, "write the vectors anew")

const vectorFile = "../../testdata/replica/histories.jsonl"

// call is a line of a history: one call of a core, its effects, and how things are
// behind it. Bytes are base64.
type call struct {
	Core    string     `json:"core"` // which of the replicas
	Op      string     `json:"op"`
	Policy  string     `json:"policy,omitempty"` // of new
	Config  *Config    `json:"config,omitempty"`
	Disk    []byte     `json:"disk,omitempty"`
	Name    string     `json:"name,omitempty"`
	Members []string   `json:"members,omitempty"`
	Data    []byte     `json:"data,omitempty"`
	Effects [][]string `json:"effects"`
	Status  string     `json:"status"`
}

func newCore(policy string, cfg Config, m Machine, disk []byte) (core, error) {
	if policy == "everywhere" {
		return NewEverywhere(cfg, m), nil
	}
	c := NewMajority(cfg, m)
	return c, c.Load(disk)
}

func (c *call) on(k core) (out []Effect) {
	switch c.Op {
	case "connected":
		return k.Connected(c.Name)
	case "lost":
		k.Lost()
	case "view":
		return k.View(c.Name, c.Members)
	case "signal":
		return k.Signal()
	case "message":
		return k.Message(c.Name, c.Data)
	case "submit":
		return k.Submit(c.Name, c.Data)
	case "sync":
		_, out = k.Sync()
	case "flush":
		return k.Flush()
	case "skip":
		return k.Skip()
	}
	return out
}

// listed writes effects down.
func listed(effects []Effect) [][]string {
	list := [][]string{}
	hash := func(b []byte) string {
		h := sha256.Sum256(b)
		return hex.EncodeToString(h[:8])
	}
	for _, e := range effects {
		switch e := e.(type) {
		case Send:
			head, _, _ := bytes.Cut(e.Data, []byte("\n"))
			list = append(list, append([]string{"send", string(head), hash(e.Data)}, e.To...))
		case Persist:
			list = append(list, []string{"persist", hash(e.Records)})
		case Compact:
			list = append(list, []string{"compact", hash(e.Records)})
		case Resolve:
			list = append(list, []string{"resolve", e.ID, fmt.Sprint(e.Outcome), string(e.Result), fmt.Sprint(b2i(e.Kept)), e.Reason})
		case Rejoin:
			list = append(list, []string{"rejoin"})
		case Fail:
			list = append(list, []string{"fail", e.Reason})
		}
	}
	return list
}

func described(k core) string {
	s := k.Status()
	return fmt.Sprintf("ready=%d current=%d epoch=%d applied=%d length=%d pending=%d members=%s reason=%s",
		b2i(s.Ready), b2i(s.Current), s.Epoch, s.Applied, s.Length, s.Pending, strings.Join(s.Members, ","), s.Reason)
}

// record writes the vectors.
func record(t *testing.T) []byte {
	var all bytes.Buffer
	enc := json.NewEncoder(&all)
	enc.SetEscapeHTML(false)
	for i, policy := range []string{"majority", "everywhere", "majority", "majority", "everywhere"} {
		w := majorityWorld(t, uint64(100+i), 3)
		if policy == "everywhere" {
			w, _, _ = everywhereWorld(t, uint64(100+i), 3)
		} else {
			w.churn = i == 3
		}
		write := func(s *simReplica, c *call, out []Effect) {
			c.Core, c.Effects, c.Status = fmt.Sprintf("%d.%s", i, s.name), listed(out), described(s.core)
			if err := enc.Encode(c); err != nil {
				t.Fatal(err)
			}
		}
		make := w.make
		w.make = func(s *simReplica) core {
			disk := s.disk
			s.core = make(s)
			cfg := w.config(s)
			write(s, &call{Op: "new", Policy: policy, Config: &cfg, Disk: disk}, nil)
			return s.core
		}
		w.log = func(s *simReplica, op string, args []any, out []Effect) {
			c := &call{Op: op}
			for _, a := range args {
				switch a := a.(type) {
				case string:
					c.Name = a
				case []string:
					c.Members = a
				case []byte:
					c.Data = a
				}
			}
			write(s, c, out)
		}
		for j, s := range w.replicas {
			s.durable = policy == "majority" && (j < 2 || i == 2)
		}
		w.heal()
		for range 4000 {
			w.step(w.r.IntN(3) == 0)
		}
		w.heal()
	}
	return all.Bytes()
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
	cores := map[string]core{}
	n := 0
	for ; lines.Scan(); n++ {
		var c call
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if c.Op == "new" {
			var m Machine = &simMachine{}
			if c.Policy == "everywhere" {
				m = &setMachine{t: t, have: map[string]bool{}}
			}
			if cores[c.Core], err = newCore(c.Policy, *c.Config, m, c.Disk); err != nil {
				t.Fatal(err)
			}
		}
		k := cores[c.Core]
		got, _ := json.Marshal(listed(c.on(k)))
		want, _ := json.Marshal(c.Effects)
		if s := described(k); !bytes.Equal(got, want) || s != c.Status {
			t.Fatalf("line %d, %s: effects\n%s\n%s, want\n%s\n%s", n+1, c.Op, got, s, want, c.Status)
		}
	}
	if n < 1000 || lines.Err() != nil {
		t.Fatalf("only %d lines: %v", n, lines.Err())
	}
}
