package spread

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"

	"gospread/spread/internal/clientproto"
)

// sockets returns both ends of a connection over a real socket.
func sockets(tb testing.TB, network string) [2]net.Conn {
	tb.Helper()
	addr := "127.0.0.1:0"
	if network == "unix" {
		addr = filepath.Join(tb.TempDir(), "s")
	}
	l, err := net.Listen(network, addr)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	type result struct {
		nc  net.Conn
		err error
	}
	accepted := make(chan result, 1)
	go func() {
		nc, err := l.Accept()
		accepted <- result{nc, err}
	}()
	nc, err := net.Dial(network, l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	r := <-accepted
	if r.err != nil {
		tb.Fatal(r.err)
	}
	return [2]net.Conn{nc, r.nc}
}

func BenchmarkSend(b *testing.B) {
	for _, network := range []string{"tcp", "unix"} {
		for _, size := range []int{100, 1350, 100000} {
			b.Run(fmt.Sprintf("%s/%d", network, size), func(b *testing.B) {
				c, p := pair(b, sockets(b, network), WithLinger(0))
				defer func() { _ = c.Close() }()
				go func() {
					_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{p.Conn}, make([]byte, 256<<10))
				}()
				ctx, data := context.Background(), make([]byte, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if err := c.Multicast(ctx, Agreed, "group", data); err != nil {
						b.Fatal(err)
					}
				}
				if err := c.Flush(ctx); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

func BenchmarkReceive(b *testing.B) {
	for _, network := range []string{"tcp", "unix"} {
		for _, size := range []int{100, 1350, 100000} {
			b.Run(fmt.Sprintf("%s/%d", network, size), func(b *testing.B) {
				c, p := pair(b, sockets(b, network), WithLinger(0))
				defer func() { _ = c.Close() }()
				one := data(clientproto.Agreed, "#other#fake", []string{"group"}, 1, string(make([]byte, size)))
				block := bytes.Repeat(one, max(1, 128<<10/len(one)))
				go func() {
					for {
						if _, err := p.Conn.Write(block); err != nil {
							return
						}
					}
				}()
				ctx := context.Background()
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					ev, err := c.Receive(ctx)
					if err != nil {
						b.Fatal(err)
					}
					if m, ok := ev.(*Message); !ok || len(m.Data) != size {
						b.Fatalf("received %v", ev)
					}
				}
			})
		}
	}
}

// BenchmarkEcho measures a message that travels alone, there and back.
func BenchmarkEcho(b *testing.B) {
	echo := func(nc net.Conn) {
		buf := make([]byte, 64<<10)
		for {
			n, err := nc.Read(buf)
			if err != nil {
				return
			}
			if _, err := nc.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	b.Run("bare", func(b *testing.B) {
		ends := sockets(b, "tcp")
		defer func() { _ = ends[0].Close() }()
		go echo(ends[1])
		buf := make([]byte, 180)
		for b.Loop() {
			if _, err := ends[0].Write(buf); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(ends[0], buf); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		c, p := pair(b, sockets(b, "tcp"), WithLinger(0))
		defer func() { _ = c.Close() }()
		go echo(p.Conn)
		ctx, data := context.Background(), make([]byte, 100)
		b.ReportAllocs()
		for b.Loop() {
			if err := c.Multicast(ctx, Agreed, "group", data); err != nil {
				b.Fatal(err)
			}
			if _, err := c.Receive(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}
