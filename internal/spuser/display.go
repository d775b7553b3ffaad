package spuser

import (
	"bytes"
	"fmt"
	"io"

	"gospread/spread"
	"gospread/spread/internal/tool"
)

// display is how things are shown.
type display interface {
	version(v spread.Version)
	connected(address string, c *spread.Conn)
	prompt()
	ask(question string)
	event(ev spread.Event)
	pending(bytes int)
	sending(messages, bytes int)
	sentOne(n, total int)
	unknown()         // an unknown command
	invalidGroup()    // a command without its group
	failed(err error) // something that was tried
	lost(err error)   // the connection
	bye()
}

// text shows things as the classic programs did, to the byte: also what is odd
// about it.
type text struct {
	w        io.Writer
	threaded bool
	// bare: no menu, questions and prompts, and no blank lines for them.
	bare bool
}

const ruler = "============================\n"

func (t *text) printf(format string, args ...any) {
	_, _ = t.w.Write(fmt.Appendf(nil, format, args...)) // the writer keeps the error
}

// dialogue is printf of what only people need.
func (t *text) dialogue(format string, args ...any) {
	if !t.bare {
		t.printf(format, args...)
	}
}

func (t *text) version(v spread.Version) { t.dialogue("Spread library version is %v\n", v) }

func (t *text) connected(address string, c *spread.Conn) {
	t.dialogue("User: connected to %s with private group %s\n%s", address, c.PrivateGroup(), t.menu())
	t.prompt()
}

func (t *text) prompt()             { t.dialogue("\nUser> ") }
func (t *text) ask(question string) { t.dialogue("%s", question) }
func (t *text) unknown()            { t.printf("\nUnknown commnad\n%s", t.menu()) }
func (t *text) invalidGroup()       { t.printf(" invalid group \n") }
func (t *text) pending(bytes int)   { t.printf("Polling sais: %d\n", bytes) }
func (t *text) bye()                { t.dialogue("\nBye.\n") }

func (t *text) sending(messages, bytes int) {
	t.printf("sending %d messages of %d bytes\n", messages, bytes)
}
func (t *text) sentOne(n, total int) { t.printf("sent message %d (total %d)\n", n, total) }

func (t *text) menu() string {
	const (
		top = `
==========
User Menu:
----------

	j <group> -- join a group
	l <group> -- leave a group

	s <group> -- send a message
	m <group> -- send a multiline message to group. Terminate with empty line
	b <group> -- send a burst of messages

`
		receiving = "\tr -- receive a message (stuck) \n" +
			"\tp -- poll for a message \n" +
			"\te -- enable asynchonous read (default)\n" +
			"\td -- disable asynchronous read \n" +
			"\n"
		end = "\tq -- quit\n"
	)
	if t.threaded {
		return top + end
	}
	return top + receiving + end
}

func (t *text) failed(err error) { t.printf("%s", tool.ErrorLine(err)) }

func (t *text) lost(err error) {
	t.printf("\n%s%s\n%s", ruler, tool.ErrorLine(err), ruler)
}

func (t *text) event(ev spread.Event) {
	var b bytes.Buffer
	if !t.bare {
		b.WriteByte('\n')
	}
	b.WriteString(ruler)
	switch ev := ev.(type) {
	case *spread.Message:
		writeMessage(&b, ev)
	case *spread.View:
		writeView(&b, ev)
	case *spread.Transition:
		fmt.Fprintf(&b, "received TRANSITIONAL membership for group %s\n", ev.Group)
	case *spread.SelfLeave:
		fmt.Fprintf(&b, "received membership message that left group %s\n", ev.Group)
	case *spread.Rejected:
		writeRejected(&b, ev)
	}
	if !t.bare {
		b.WriteString("\nUser> ")
	}
	_, _ = t.w.Write(b.Bytes()) // the writer keeps the error
}
