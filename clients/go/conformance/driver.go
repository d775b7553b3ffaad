// Driver plays the scenarios of the conformance suite with the Go client library,
// as they come on its standard input. The protocol is in clients/conformance/README.md.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"gospread/spread"
)

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "driver:", err)
		os.Exit(1)
	}
}

// request is a line of the runner; each op uses some of the fields.
type request struct {
	Op           string
	C            string
	Daemon       string
	Name         string
	Membership   bool
	Priority     bool
	Auth         []string
	Reconnecting bool
	TimeoutMs    int `json:"timeout_ms"`
	Group        string
	Groups       []string
	Service      string
	Type         int16
	Data         []byte `json:"data_b64"`
	SelfDiscard  bool   `json:"self_discard"`
	Repeat       int
	Count        int
}

// reply is a line of the driver.
type reply = map[string]any

// serve answers line by line until exit or the end of the input.
func serve(r io.Reader, w io.Writer) error {
	d := driver{}
	defer d.close()
	in := bufio.NewReaderSize(r, 1<<16)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var q request
		if err := json.Unmarshal(line, &q); err != nil {
			return fmt.Errorf("a line that is no request: %w", err)
		}
		answer, err := json.Marshal(d.do(&q))
		if err != nil {
			return err
		}
		if _, err := w.Write(append(answer, '\n')); err != nil {
			return err
		}
		if q.Op == "exit" {
			return nil
		}
	}
}

// driver holds the connections by their keys.
type driver map[string]*conn

// conn is a connection and the socket below it.
type conn struct {
	session
	plain  *spread.Conn // nil: it is one that comes back
	socket net.Conn
}

// session is what a connection can do, whether it comes back or not.
type session interface {
	Join(ctx context.Context, group string) error
	Leave(ctx context.Context, group string) error
	Send(ctx context.Context, m *spread.Outgoing) error
	Receive(ctx context.Context) (spread.Event, error)
	Close() error
}

func (d driver) close() {
	for _, c := range d {
		_ = c.Close()
	}
}

func (d driver) do(q *request) reply {
	switch q.Op {
	case "hello":
		return reply{"ok": true, "language": "go", "client": spread.LibraryVersion().String(),
			"features": []string{"unix", "poll", "threads", "any_group", "unix_path", "name_free", "auth", "reconnecting"}}
	case "exit":
		return reply{"ok": true}
	case "connect":
		return d.connect(q)
	}
	c := d[q.C]
	if c == nil {
		return failure(spread.ErrIllegalSession)
	}
	ctx, cancel := patience(q.TimeoutMs)
	defer cancel()
	switch q.Op {
	case "join":
		return done(c.Join(ctx, latin(q.Group)))
	case "leave":
		return done(c.Leave(ctx, latin(q.Group)))
	case "multicast":
		return multicast(ctx, c, q)
	case "receive":
		return receive(ctx, c)
	case "drain":
		return drain(ctx, c, q.Count)
	case "poll":
		_, n := c.plain.Pending()
		return reply{"ok": true, "bytes": n}
	case "stall", "resume":
		return reply{"ok": true} // the library reads ahead up to its bound, and no further
	case "close_wakes":
		return closeWakes(ctx, c)
	case "disconnect":
		return done(c.Close())
	case "abort":
		return done(c.socket.Close())
	}
	return reply{"ok": false, "error": "unsupported", "reason": "this driver has no " + q.Op}
}

func patience(ms int) (context.Context, context.CancelFunc) {
	if ms <= 0 {
		ms = 30_000
	}
	return context.WithTimeout(context.Background(), time.Duration(ms)*time.Millisecond)
}

func (d driver) connect(q *request) reply {
	opts := []spread.Option{spread.WithMembership(q.Membership)}
	if q.Name != "" {
		opts = append(opts, spread.WithName(latin(q.Name)))
	}
	if q.Priority {
		opts = append(opts, spread.WithPriority(1))
	}
	for _, method := range q.Auth {
		opts = append(opts, spread.WithAuth(method, nil))
	}
	ctx, cancel := patience(q.TimeoutMs)
	defer cancel()
	c := new(conn)
	opts = append(opts, spread.WithDialer(func(ctx context.Context, network, address string) (nc net.Conn, err error) {
		c.socket, err = new(net.Dialer).DialContext(ctx, network, address)
		return c.socket, err
	}))
	var err error
	if q.Reconnecting {
		return d.connectReconnecting(ctx, q, c, opts)
	}
	if c.plain, err = spread.Dial(ctx, q.Daemon, opts...); err != nil {
		return failure(err)
	}
	c.session, d[q.C] = c.plain, c
	v := c.plain.DaemonVersion()
	return reply{"ok": true, "private_group": text(c.plain.PrivateGroup()), "daemon_version": []int{v.Major, v.Minor, v.Patch}}
}

func (d driver) connectReconnecting(ctx context.Context, q *request, c *conn, opts []spread.Option) reply {
	r, err := spread.DialReconnecting(ctx, []string{q.Daemon}, opts...)
	if err != nil {
		return failure(err)
	}
	c.session, d[q.C] = r, c
	return reply{"ok": true, "private_group": text(r.Conn().PrivateGroup())}
}

func multicast(ctx context.Context, c *conn, q *request) reply {
	service, err := spread.ParseService(q.Service)
	if err != nil {
		return failure(&spread.Error{Code: spread.ErrIllegalService, Err: err})
	}
	m := &spread.Outgoing{Service: service, SelfDiscard: q.SelfDiscard, Type: q.Type, Data: q.Data}
	for _, g := range q.Groups {
		m.Groups = append(m.Groups, latin(g))
	}
	n := max(q.Repeat, 1)
	for range n {
		if err := c.Send(ctx, m); err != nil {
			return failure(err)
		}
	}
	return reply{"ok": true, "sent": n * len(q.Data)}
}

func receive(ctx context.Context, c *conn) reply {
	ev, err := c.Receive(ctx)
	if err != nil {
		return failure(err)
	}
	return reply{"ok": true, "message": message(ev)}
}

// message is an event as the protocol has it.
func message(ev spread.Event) reply {
	switch ev := ev.(type) {
	case *spread.Message:
		return regular(ev)
	case *spread.View:
		m := reply{"kind": "membership", "group": text(ev.Group), "cause": strings.ToLower(ev.Cause.String()), "id": id(ev.ID),
			"members": texts(ev.Members), "own_set": ev.OwnSet, "index": ev.Index}
		if ev.Changed != "" {
			m["changed"] = text(ev.Changed)
		}
		sets := [][]string{}
		for _, s := range ev.Sets {
			sets = append(sets, texts(s))
		}
		m["sets"] = sets
		return m
	case *spread.Transition:
		return reply{"kind": "transition", "group": text(ev.Group), "id": id(ev.ID)}
	case *spread.SelfLeave:
		return reply{"kind": "self_leave", "group": text(ev.Group)}
	case *spread.Lost:
		return reply{"kind": "lost", "text": ev.Err.Error()}
	case *spread.Restored:
		return reply{"kind": "reconnected", "private_group": text(ev.PrivateGroup)}
	case *spread.Rejected:
		m := regular(&ev.Message)
		m["kind"], m["request"] = "reject", ev.Request.String()
		return m
	}
	return reply{"kind": fmt.Sprintf("%T", ev)}
}

func regular(m *spread.Message) reply {
	return reply{"kind": "regular", "service": strings.ToLower(m.Service.String()), "sender": text(m.Sender), "groups": texts(m.Groups),
		"type": m.Type, "data_b64": append([]byte{}, m.Data...), "endian_mismatch": m.BigEndian, "self_discard": m.SelfDiscard}
}

func id(v spread.ViewID) []int32 { return []int32{v.Daemon, v.Time, v.Index} }

// drain receives count messages; what is no message does not count.
func drain(ctx context.Context, c *conn, count int) reply {
	var bytes, n int
	var start time.Time
	digest := sha256.New()
	result := func() reply {
		r := reply{"ok": true, "count": n, "bytes": bytes, "seconds": 0.0, "digest": hex.EncodeToString(digest.Sum(nil))}
		if n > 0 {
			r["seconds"] = time.Since(start).Seconds()
		}
		return r
	}
	for n < count {
		ev, err := c.Receive(ctx)
		if err != nil {
			r := result()
			for k, v := range failure(err) {
				r[k] = v
			}
			return r
		}
		m, ok := ev.(*spread.Message)
		if !ok {
			continue
		}
		if n == 0 {
			start = time.Now()
		}
		n++
		bytes += len(m.Data)
		_, _ = io.WriteString(digest, m.Sender+"\x00")
		_, _ = digest.Write(m.Data)
	}
	return result()
}

// closeWakes closes the connection while another goroutine waits for a message,
// and tells what that one gets.
func closeWakes(ctx context.Context, c *conn) reply {
	got := make(chan error, 1)
	go func() {
		_, err := c.Receive(ctx)
		got <- err
	}()
	time.Sleep(50 * time.Millisecond) // there is no telling that it waits
	if err := c.Close(); err != nil {
		return failure(err)
	}
	r := failure(<-got)
	return reply{"ok": true, "woken": r["error"]}
}

func done(err error) reply {
	if err != nil {
		return failure(err)
	}
	return reply{"ok": true}
}

func failure(err error) reply {
	if errors.Is(err, spread.ErrWouldBlock) && errors.Is(err, context.DeadlineExceeded) {
		return reply{"ok": false, "error": "timeout"}
	}
	var code spread.Code
	if !errors.As(err, &code) {
		return reply{"ok": false, "error": "unknown", "text": err.Error()}
	}
	return reply{"ok": false, "error": int(code), "text": err.Error()}
}

// Names travel with each byte as a character, so that any byte survives.

func text(name string) string {
	r := make([]rune, len(name))
	for i := range len(name) {
		r[i] = rune(name[i])
	}
	return string(r)
}

func texts(names []string) []string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = text(n)
	}
	return list
}

func latin(text string) string {
	var b []byte
	for _, r := range text {
		b = append(b, byte(r))
	}
	return string(b)
}
