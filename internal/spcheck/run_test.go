package spcheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread"
	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/fakedaemon"
)

// against are options for clients of stand-ins, as if they were daemons of one
// system.
func against(daemons ...*fakedaemon.Daemon) Options {
	o := Defaults()
	o.Duration, o.Round = 20*time.Second, 10*time.Second
	for range daemons {
		o.Daemons = append(o.Daemons, "4803")
	}
	o.Dial = func(i int) []spread.Option { return []spread.Option{spread.WithDialer(daemons[i].Dial)} }
	return o
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fakedaemon.New("machine1")
		o := against(d, d)
		o.Clients = 3
		var lines bytes.Buffer
		s, err := Run(t.Context(), o, &lines)
		if err != nil || s.ViolationCount != 0 || s.Rounds != 2 {
			t.Fatalf("%v\n%s", err, s.Text())
		}
		// 6 clients that do 100 things a second for 20 s.
		if s.Sent < 11_000 || s.Sent > 13_000 || s.Delivered < s.Sent || s.Compared.OrderPairs == 0 || s.Compared.Survivors == 0 || s.Compared.SafeBefore == 0 {
			t.Errorf("too little or too much:\n%s", s.Text())
		}
		if s.Connections <= s.Clients || s.Views == 0 || s.SelfLeaves == 0 || s.NetworkViews != 0 {
			t.Errorf("not what the clients do:\n%s", s.Text())
		}
		if n := strings.Count(lines.String(), "\n"); n != 2 || !strings.Contains(lines.String(), "0 violations, at rest") {
			t.Errorf("lines of the rounds:\n%s", &lines)
		}
		if want := "NOTE         " + o.Daemons[0] + " and " + o.Daemons[1] + " are one daemon, machine1"; !strings.Contains(s.Text(), want) {
			t.Errorf("the text lacks %q:\n%s", want, s.Text())
		}
	})
}

// A round ends when its traces are full.
func TestBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := against(fakedaemon.New("machine1"))
		o.Events, o.Round = 2000, time.Minute
		s, err := Run(t.Context(), o, nil)
		if err != nil || s.Rounds < 3 {
			t.Errorf("%v\n%s", err, s.Text())
		}
	})
}

// Clients connect again, and nothing of that is a violation.
func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fakedaemon.New("machine1")
		o := against(d)
		o.Clients = 5
		l, err := Start(o)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if err := l.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			time.Sleep(time.Second)
			d.Cut()
			if err := l.AwaitProgress(t.Context(), 0); err != nil {
				t.Error(err)
			}
		}
		if err := l.Settle(t.Context()); err != nil {
			t.Error(err)
		}
		if r := l.Check(); len(r.Violations) > 0 || r.Connections < 30 {
			t.Errorf("%d connections, violations %v", r.Connections, r.Violations)
		}
	})
}

// Daemons that do not know each other are no system.
func TestApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Run(t.Context(), against(fakedaemon.New("machine1"), fakedaemon.New("machine2")), nil)
		if !errors.Is(err, ErrIncomplete) || len(s.Incomplete) != 1 || !strings.Contains(s.Incomplete[0], "4803 sees 2 of 4") {
			t.Errorf("%v, %q", err, s.Incomplete)
		}
	})
}

func TestNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := against(fakedaemon.New("machine1"))
		o.Dial = func(int) []spread.Option {
			return []spread.Option{spread.WithDialer(func(context.Context, string, string) (net.Conn, error) {
				return nil, errors.New("no such luck")
			})}
		}
		s, err := Run(t.Context(), o, nil)
		if !errors.Is(err, ErrIncomplete) || len(s.Incomplete) != 1 || !strings.Contains(s.Incomplete[0], "no such luck") {
			t.Errorf("%v, %q", err, s.Incomplete)
		}
	})
}

// When the caller has enough, what there is is checked.
func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		s, err := Run(ctx, against(fakedaemon.New("machine1")), nil)
		if err != nil || s.Rounds != 1 || s.Sent == 0 {
			t.Errorf("%v\n%s", err, s.Text())
		}
	})
}

// tampering changes what one connection gets: n counts, from 1, the messages that it
// is about.
type tampering struct {
	which  func(m []byte, h *clientproto.Header) bool
	change func(n int, m []byte, h *clientproto.Header) []byte
}

// Each of these would be a fault of a daemon, seen by one client.
func TestFindings(t *testing.T) {
	data := func(_ []byte, h *clientproto.Header) bool { return h.Type&clientproto.Services != 0 && h.DataLen > 100 }
	agreed := func(m []byte, h *clientproto.Header) bool { return data(m, h) && h.Type&clientproto.Agreed != 0 }
	safe := func(m []byte, h *clientproto.Header) bool { return data(m, h) && h.Type&clientproto.Safe != 0 }
	// A view of the group that all are in would be waited for.
	view := func(m []byte, h *clientproto.Header) bool {
		return h.Type&clientproto.RegularMembership != 0 && !bytes.Contains(clientproto.Sender(m), []byte("-all"))
	}
	// nth changes one of them.
	nth := func(which int, f func(m []byte, h *clientproto.Header) []byte) func(int, []byte, *clientproto.Header) []byte {
		return func(n int, m []byte, h *clientproto.Header) []byte {
			if n == which {
				return f(m, h)
			}
			return m
		}
	}
	drop := func([]byte, *clientproto.Header) []byte { return nil }
	double := func(m []byte, _ *clientproto.Header) []byte { return append(m, m...) }
	var held []byte
	for _, c := range []struct {
		name string
		tampering
		want string // the rules of which one must be among the findings
	}{
		{"lost", tampering{agreed, nth(8, drop)}, "C17 C18 C19"},
		{"SAFE one lost", tampering{safe, nth(8, drop)}, "C17 C18 C19 C20"},
		{"swapped", tampering{safe, func(n int, m []byte, _ *clientproto.Header) []byte {
			switch n {
			case 8:
				held = m
				return nil
			case 9:
				return append(m, held...)
			}
			return m
		}}, "C14"},
		{"twice", tampering{agreed, nth(8, double)}, "C2"},
		{"a byte changed", tampering{data, nth(8, func(m []byte, _ *clientproto.Header) []byte {
			m[len(m)-1] ^= 1
			return m
		})}, "C1"},
		{"cut short", tampering{data, nth(8, func(m []byte, h *clientproto.Header) []byte {
			h.DataLen--
			clientproto.PutHeader(m, h)
			return m[:len(m)-1]
		})}, "C1"},
		{"other service", tampering{agreed, nth(8, func(m []byte, h *clientproto.Header) []byte {
			h.Type ^= clientproto.Agreed | clientproto.Causal
			clientproto.PutHeader(m, h)
			return m
		})}, "C1"},
		{"view lost", tampering{view, nth(3, drop)}, "C3 C8 C9 C13 C19 C20"},
		{"view twice", tampering{view, nth(3, double)}, "C7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { finding(t, c.tampering, c.want) })
		})
	}
}

func finding(t *testing.T, x tampering, want string) {
	d := fakedaemon.New("machine1")
	o := against(d, d)
	var dialed atomic.Int32
	o.Dial = func(i int) []spread.Option {
		return []spread.Option{spread.WithDialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := d.Dial(ctx, network, address)
			if i == 0 || dialed.Add(1) > 1 {
				return conn, err
			}
			n := 0
			return &tampered{Conn: conn, change: func(m []byte, h *clientproto.Header) []byte {
				if !x.which(m, h) {
					return m
				}
				n++
				return x.change(n, m, h)
			}}, err
		})}
	}
	o.Duration = o.Round
	s, err := Run(t.Context(), o, nil)
	if !errors.Is(err, ErrViolations) || s.Trace == nil {
		t.Fatalf("%v\n%s", err, s.Text())
	}
	for _, v := range s.Violations {
		if strings.Contains(want, v.Rule) {
			return
		}
	}
	t.Errorf("want one of %s:\n%s", want, s.Text())
}

func TestJSON(t *testing.T) {
	o := against(fakedaemon.New("machine1"))
	s := newSummary(&o)
	s.Violations = append(s.Violations, Finding{1, "C1", "#a#b", "text"})
	var b bytes.Buffer
	if err := s.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"daemons", "clients", "seconds", "rounds", "sent", "delivered", "views", "signals", "compared", "violations", "violation_count", "incomplete", "notes"} {
		if _, ok := got[key]; !ok {
			t.Errorf("no %q in %s", key, &b)
		}
	}
}

func TestOptions(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"daemons":  func(o *Options) { o.Daemons = nil },
		"clients":  func(o *Options) { o.Clients = 0 },
		"rate":     func(o *Options) { o.Rate = MaxRate + 1 },
		"groups":   func(o *Options) { o.Groups = 0 },
		"size":     func(o *Options) { o.Bytes = headSize - 1 },
		"services": func(o *Options) { o.Services = nil },
		"service":  func(o *Options) { o.Services = []spread.Service{3} },
		"time":     func(o *Options) { o.Round = 0 },
		"events":   func(o *Options) { o.Events = 10 },
	} {
		o := Defaults()
		o.Daemons = []string{"4803"}
		if err := o.Check(); err != nil {
			t.Fatal(err)
		}
		change(&o)
		if err := o.Check(); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
