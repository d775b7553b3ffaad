package conf

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Describe writes what was understood, for a person and for scripts. Each line is one fact that begins with its kind:
//
//	file: PATH
//	hash: NUMBER
//	protocol: NAME
//	segments: NUMBER
//	daemons: NUMBER
//	segment INDEX: port=PORT addresses=ADDRESS[,ADDRESS...] daemons=NUMBER
//	daemon NAME: segment=INDEX address=ADDRESS port=PORT id=NUMBER from=name (or from=VirtualID)
//	interface NAME: address=ADDRESS for=client,daemon,monitor
//	option NAME = VALUE (one for each directive in the file)
//	warning: TEXT
//
// Kinds come in this order; segments are followed by their daemons, daemons by their interfaces. A VALUE that holds
// anything but printable characters without leading or trailing blanks is quoted as in Go.
func (c *Config) Describe(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "file: %s\n", plain(c.source()))
	fmt.Fprintf(b, "hash: %d\n", c.Hash())
	fmt.Fprintf(b, "protocol: %s\n", c.Protocol())
	fmt.Fprintf(b, "segments: %d\n", len(c.Segments))
	fmt.Fprintf(b, "daemons: %d\n", len(c.Daemons()))
	for i, s := range c.Segments {
		addrs := make([]string, len(s.Addrs))
		for i, a := range s.Addrs {
			addrs[i] = addrText(a)
		}
		fmt.Fprintf(b, "segment %d: port=%d addresses=%s daemons=%d\n", i, s.Port, strings.Join(addrs, ","), len(s.Daemons))
		for _, d := range s.Daemons {
			describeDaemon(b, d)
		}
	}
	for i := range directives {
		if d := &directives[i]; c.Options.IsSet(d.key) && d.effect != effectNever {
			fmt.Fprintf(b, "option %s = %s\n", d.key, plain(d.value(&c.Options)))
		}
	}
	for _, d := range c.Warnings {
		fmt.Fprintf(b, "warning: %v\n", d)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("describing the configuration: %w", err)
	}
	return nil
}

func describeDaemon(w io.Writer, d Daemon) {
	from := "name"
	if d.ExplicitID {
		from = wordVirtualID
	}
	fmt.Fprintf(w, "daemon %s: segment=%d address=%s port=%d id=%d from=%s\n", d.Name, d.Segment, addrText(d.Addr), d.Port, d.ID, from)
	for _, i := range d.Interfaces {
		fmt.Fprintf(w, "interface %s: address=%s for=%s\n", d.Name, addrText(i.Addr), i.uses())
	}
}

func (i Interface) uses() string {
	var list []string
	if i.Client {
		list = append(list, "client")
	}
	if i.Daemon {
		list = append(list, "daemon")
	}
	if i.Monitor {
		list = append(list, "monitor")
	}
	return strings.Join(list, ",")
}

// plain gives the text as it is if it is harmless within a line, else quoted.
func plain(s string) string {
	if s == "" || strings.TrimSpace(s) != s || s[0] == '"' || strings.ContainsFunc(s, disturbs) {
		return fmt.Sprintf("%q", s)
	}
	return s
}
