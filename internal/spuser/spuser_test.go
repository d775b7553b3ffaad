package spuser

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gospread/spread"
)

const joined = `
============================
Received REGULAR membership for group test with 1 members, where I am member 0:
	#user#machine1
grp id is 1 2 1
Due to the JOIN of #user#machine1

User> `

// The introductory article, as the original shows it.
func TestArticle(t *testing.T) {
	term := start(t, Options{Interactive: true})
	term.expect("Spread library version is 5.0.1\n" +
		"User: connected to " + term.address + " with private group #user#machine1\n" + `
==========
User Menu:
----------

	j <group> -- join a group
	l <group> -- leave a group

	s <group> -- send a message
	m <group> -- send a multiline message to group. Terminate with empty line
	b <group> -- send a burst of messages

` + "\tr -- receive a message (stuck) \n\tp -- poll for a message \n" +
		"\te -- enable asynchonous read (default)\n\td -- disable asynchronous read \n\n\tq -- quit\n\nUser> ")
	term.typeIn("j test\n")
	term.expect("\nUser> " + joined)
	term.typeIn("s test\n")
	term.expect("enter message: ")
	term.typeIn("hello\n")
	term.expect("\nUser> \n============================\n" +
		"received SAFE message from #user#machine1, of type 1, (endian 0) to 1 groups \n(6 bytes): hello\n\n\nUser> ")
	term.typeIn("m test other\n")
	term.expect("enter message: ")
	term.typeIn("one\ntwo\n\n")
	term.expect("\nUser> \n============================\n" +
		"received SAFE message from #user#machine1, of type 1, (endian 0) to 2 groups \n(8 bytes): one\ntwo\n\n\nUser> ")
	term.typeIn("l test\n")
	term.expect("\nUser> \n============================\nreceived membership message that left group test\n\nUser> ")
	term.typeIn("q\n")
	term.expect("\nBye.\n")
	if err := term.end(); err != nil {
		t.Fatal(err)
	}
}

// What is typed wrong, and commands that need nobody else.
func TestCommands(t *testing.T) {
	menu := (&text{}).menu()
	for _, c := range []struct{ typed, want string }{
		{"\n", "\nUnknown commnad\n" + menu},
		{" \n", "\nUnknown commnad\n" + menu},
		{"J g\n", "\nUnknown commnad\n" + menu},
		{"j\n", " invalid group \n"},
		{"j  \n", " invalid group \n"},
		{"l\n", " invalid group \n"},
		{"s \n", " invalid group \n"},
		{"m\n", " invalid group \n"},
		{"j #a\n", "SP_error: (-14) Illegal group.\n"},
		{"l a#b\n", "SP_error: (-14) Illegal group.\n"},
		{"j " + strings.Repeat("y", 32) + "\n", "SP_error: (-14) Illegal group.\n"},
		{"s " + strings.Repeat("y", 32) + "\ntext\n", "enter message: SP_error: (-14) Illegal group.\n"},
		{"p\n", "Polling sais: 0\n"},
		{"e\n", ""},
		{"d\n", ""},
		{strings.Repeat("z", 128) + "\n", "\nUnknown commnad\n" + menu},
		{strings.Repeat("z", 129) + "d\n", "\nUnknown commnad\n" + menu + "\nUser> "},
		{"s nobody\ntext\n", "enter message: "},
		{"s n1 n2 n3 n4 n5 n6 n7 n8 n9 n10 " + strings.Repeat("y", 32) + "\ntext\n", "enter message: "},
		{"s n1 n2 n3 n4 n5 n6 n7 n8 n9 " + strings.Repeat("y", 32) + "\ntext\n", "enter message: SP_error: (-14) Illegal group.\n"},
		{"s nobody\n" + strings.Repeat("z", 199) + "d\n", "enter message: \nUser> "},
	} {
		term := start(t, Options{Interactive: true})
		term.skip(menuStarts)
		term.typeIn(c.typed)
		term.expect(c.want + "\nUser> ")
		term.typeIn("q\n")
		term.expect("\nBye.\n")
		if err := term.end(); err != nil {
			t.Errorf("%q: %v", c.typed, err)
		}
	}
}

func TestBurst(t *testing.T) {
	term := start(t, Options{Interactive: true})
	term.skip(menuStarts)
	term.typeIn("j test\n")
	term.expect("\nUser> " + joined)
	total := 0
	for _, c := range []struct {
		answer string
		size   int
	}{{"", 0}, {"12", 12}, {"", 12}, {"x", 12}, {"7x", 7}, {" +20 3", 20}, {"-1", 102400}, {"200000", 102400}, {"99999999999999999999", 102400}, {"0", 0}} {
		term.typeIn("b test\n")
		term.expect("enter size of each message: ")
		term.typeIn(c.answer + "\n")
		term.expect(fmt.Sprintf("sending 10 messages of %d bytes\n", c.size))
		for i := range 10 {
			term.expect(fmt.Sprintf("sent message %d (total %d)\n", i+1, total+i+1))
		}
		term.expect("\nUser> ")
		for range 10 {
			total++
			text := fmt.Sprintf("mess num %d ", total)
			term.expect("\n============================\n" +
				"received FIFO message from #user#machine1, of type 2, (endian 0) to 1 groups \n" +
				fmt.Sprintf("(%d bytes): %s\n\nUser> ", c.size, text[:min(c.size, len(text))]))
		}
	}
}

// d stops showing what arrives, p tells how much waits, r shows one, e all.
func TestReceivingByHand(t *testing.T) {
	term := start(t, Options{Interactive: true})
	other := term.other("other")
	term.skip(menuStarts)
	term.typeIn("j test\n")
	term.expect("\nUser> " + joined)
	term.typeIn("d\n")
	term.expect("\nUser> ")
	send := func(data string) {
		if err := other.Multicast(t.Context(), spread.Agreed, "test", []byte(data)); err != nil {
			t.Fatal(err)
		}
		term.ordered(other)
	}
	block := func(data string) string {
		return "\n============================\n" +
			"received AGREED message from #other#machine1, of type 0, (endian 0) to 1 groups \n" +
			fmt.Sprintf("(%d bytes): %s\n\nUser> ", len(data), data)
	}
	send("one")
	send("two")
	term.typeIn("r\n")
	term.expect(block("one") + "\nUser> ")
	term.typeIn("r\n")
	term.expect(block("two") + "\nUser> ")
	send("three")
	term.typeIn("e\n")
	term.expect("\nUser> " + block("three"))
	term.typeIn("q\n")
	term.expect("\nBye.\n")
	if err := term.end(); err != nil {
		t.Fatal(err)
	}
}

func TestThreaded(t *testing.T) {
	term := start(t, Options{Interactive: true, Threaded: true})
	menu := (&text{threaded: true}).menu()
	if strings.Contains(menu, "receive") || strings.Contains(menu, "poll") || strings.Contains(menu, "able") {
		t.Errorf("menu %q", menu)
	}
	term.skip(menu + "\nUser> ")
	for _, key := range "rped" {
		term.typeIn(string(key) + "\n")
		term.expect("\nUnknown commnad\n" + menu + "\nUser> ")
	}
}

// All complete lines of a pipe are carried out, and what they cause is shown
// before the end, whether that is q or the end of input.
func TestPipe(t *testing.T) {
	for _, end := range []string{"q\nj never\n", ""} {
		term := start(t, Options{})
		term.typeIn("j test\ns test\nhello\n" + end)
		_ = term.typing.Close()
		term.skip("(6 bytes): hello\n\n\nUser> ")
		term.expect("\nBye.\n")
		if err := term.end(); err != nil {
			t.Error(err)
		}
		if out := term.out.String(); !strings.Contains(out, joined) || strings.Contains(out, "never") {
			t.Errorf("output %q", out)
		}
	}
}

// The last line needs no line end, and the end may come in the middle of a question.
func TestEndOfInput(t *testing.T) {
	for typed, want := range map[string]string{
		"":                  "\nBye.\n",
		"q":                 "\nBye.\n",
		"j test":            "\nUser> " + joined + "\nBye.\n",
		"d\nj test\n":       "\nUser> \nUser> \nBye.\n",
		"s nobody\n":        "enter message: \nBye.\n",
		"s nobody\nabc":     "enter message: \nUser> \nBye.\n",
		"m nobody\nabc\n":   "enter message: \nBye.\n",
		"m nobody\nabc\n\n": "enter message: \nUser> \nBye.\n",
		"b nobody\n":        "enter size of each message: \nBye.\n",
	} {
		term := start(t, Options{})
		term.skip(menuStarts)
		term.typeIn(typed)
		_ = term.typing.Close()
		term.expect(want)
		if err := term.end(); err != nil {
			t.Errorf("%q: %v", typed, err)
		}
	}
}

// m takes 102400 bytes and leaves the rest.
func TestMultilineLimit(t *testing.T) {
	term := start(t, Options{})
	term.skip(menuStarts)
	term.typeIn("j test\nm test\n")
	term.skip("enter message: ")
	go func() {
		for range maxMessage/200 + 1 {
			_, _ = term.typing.Write([]byte(strings.Repeat("x", 99) + "\n" + strings.Repeat("y", 99) + "\n"))
		}
		_ = term.typing.Close()
	}()
	term.skip("(102400 bytes): xxx")
	term.skip("\nBye.\n")
	if err := term.end(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(term.out.String(), "Unknown commnad"); n != 2 {
		t.Errorf("%d lines were left, want 2", n)
	}
}

const lostBlock = `
============================
SP_error: (-8) Connection closed by Spread.

============================

Bye.
`

func TestLostConnection(t *testing.T) {
	term := start(t, Options{Interactive: true})
	term.skip(menuStarts)
	term.cut()
	term.expect(lostBlock)
	if err := term.end(); !errors.Is(err, spread.ErrConnectionClosed) {
		t.Error(err)
	}

	// What arrived before is shown first.
	term = start(t, Options{Interactive: true})
	other := term.other("other")
	term.skip(menuStarts)
	term.typeIn("d\nj test\n")
	term.expect("\nUser> \nUser> ")
	term.typeIn("s #other#machine1\nx\n") // when this has arrived, so has the join
	term.expect("enter message: \nUser> ")
	if _, err := other.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := other.Multicast(t.Context(), spread.Safe, "test", []byte("last words")); err != nil {
		t.Fatal(err)
	}
	term.ordered(other)
	term.typeIn("p\n")
	term.expect("Polling sais: ")
	term.skip("\nUser> ")
	term.typeIn("r\n")
	term.expect(joined + "\nUser> ")
	term.typeIn("r\n")
	term.skip("(10 bytes): last words\n\nUser> \nUser> ")
	term.cut()
	term.typeIn("e\n")
	term.expect("\nUser> " + lostBlock)
	if err := term.end(); !errors.Is(err, spread.ErrConnectionClosed) {
		t.Error(err)
	}
}

// A message for a connection that is lost ends the session, with its error.
func TestSendWithoutConnection(t *testing.T) {
	term := start(t, Options{Interactive: true})
	term.skip(menuStarts)
	term.typeIn("d\n")
	term.expect("\nUser> ")
	term.cut()
	term.typeIn("r\n") // waits for the loss
	term.expect(lostBlock)
	if err := term.end(); err == nil {
		t.Error("no error")
	}

	term = start(t, Options{Interactive: true})
	term.skip(menuStarts)
	term.typeIn("s test\n")
	term.expect("enter message: ")
	term.cut()
	for {
		// Sending may work until the loss is noticed; then the session ends.
		if _, err := term.typing.Write([]byte("x\ns test\n")); err != nil {
			break
		}
		term.mu.Lock()
		over := strings.Contains(term.out.String(), "SP_error: (-8)")
		term.mu.Unlock()
		if over {
			break
		}
	}
	term.skip("SP_error: (-8) Connection closed by Spread.\n")
	term.skip("Bye.\n")
	if err := term.end(); !errors.Is(err, spread.ErrConnectionClosed) {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	address, _ := daemon(t)
	taken, err := spread.Dial(t.Context(), address, spread.WithName("user"))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		address, user, want string
	}{
		{address, "user", "(-6) Connection rejected, name not unique."},
		{address, "a#b", "(-5) Connection rejected, illegal name."},
		{"x", "user", "(-1) Illegal spread name provided."},
		{"1@127.0.0.1", "user", "(-2) Could not connect."},
	} {
		term := start(t, Options{Address: c.address, User: c.user})
		term.expect("Spread library version is 5.0.1\nSP_error: " + c.want + "\n\nBye.\n")
		if err := term.end(); err == nil {
			t.Errorf("%v: no error", c)
		}
	}
}

// Ten bytes of a name are used, and none at all if it is empty.
func TestNames(t *testing.T) {
	term := start(t, Options{User: "abcdefghijklm"})
	term.skip(" with private group #abcdefghij#machine1\n")
	var b strings.Builder
	if err := Run(t.Context(), Options{Address: term.address}, strings.NewReader("q\n"), &b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), " with private group #r1#machine1\n") {
		t.Errorf("output %q", b.String())
	}
}

// A flood of messages does not keep commands from being carried out.
func TestCommandsInAFlood(t *testing.T) {
	term := start(t, Options{Interactive: true})
	term.skip(menuStarts)
	term.typeIn("j test\n")
	term.skip(joined)
	other := term.other("other")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for other.Multicast(ctx, spread.FIFO, "test", []byte("x")) == nil {
		}
	}()
	for range 5 {
		term.typeIn("p\n")
		term.skip("Polling sais: ")
	}
	term.typeIn("q\n")
	term.skip("\nBye.\n")
	if err := term.end(); err != nil {
		t.Error(err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestBrokenOutput(t *testing.T) {
	address, _ := daemon(t)
	err := Run(t.Context(), Options{Address: address, User: "user"}, strings.NewReader("p\nq\n"), brokenPipe{})
	if err == nil || err.Error() != "write output: broken pipe" {
		t.Error(err)
	}
}
