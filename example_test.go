package spread_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"time"

	"gospread/spread"
)

func Example() {
	ctx := context.Background()

	// daemon is "4803" for the one with that port on this machine, or "4803@host".
	c, err := spread.Dial(ctx, daemon, spread.WithName("alice"))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.Join(ctx, "chat"); err != nil {
		log.Fatal(err)
	}
	for ev, err := range c.Events(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		switch ev := ev.(type) {
		case *spread.View:
			fmt.Println(ev.Group, "has the members", ev.Members)
			if err := c.Multicast(ctx, spread.Agreed, "chat", []byte("hello")); err != nil {
				log.Fatal(err)
			}
		case *spread.Message:
			fmt.Printf("%s says %q\n", ev.Sender, ev.Data)
			return
		}
	}
	// Output:
	// chat has the members [#alice#machine1]
	// #alice#machine1 says "hello"
}

func ExampleDial_errors() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()

	first, err := spread.Dial(ctx, daemon, spread.WithName("alice")) // such as "4803"
	if err != nil {
		log.Fatal(err)
	}
	defer first.Close()
	_, err = spread.Dial(ctx, daemon, spread.WithName("alice"))
	switch {
	case errors.Is(err, spread.ErrNotUnique):
		fmt.Println("the name is taken")
	case errors.Is(err, context.DeadlineExceeded):
		fmt.Println("the daemon does not answer")
	case err != nil:
		log.Fatal(err)
	}
	// Output:
	// the name is taken
}

func ExampleConn_Send() {
	ctx := context.Background()

	c, err := spread.Dial(ctx, daemon, spread.WithName("alice")) // such as "4803"
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	header, body := []byte("header "), []byte("and body")
	err = c.Send(ctx, &spread.Outgoing{
		Service: spread.Safe,
		Type:    42,
		Groups:  []string{"orders", "audit", c.PrivateGroup()},
		Data:    header,
		Pieces:  [][]byte{body},
	})
	if err != nil {
		log.Fatal(err)
	}
	ev, err := c.Receive(ctx)
	if err != nil {
		log.Fatal(err)
	}
	m := ev.(*spread.Message)
	fmt.Printf("%v message of type %d to %q: %s\n", m.Service, m.Type, m.Groups, m.Data)
	// Output:
	// SAFE message of type 42 to ["orders" "audit" "#alice#machine1"]: header and body
}

func ExampleConn_TrySend() {
	ctx := context.Background()
	c, err := spread.Dial(ctx, daemon, spread.WithName("alice")) // such as "4803"
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	err = c.TrySend(&spread.Outgoing{Service: spread.Reliable, Groups: []string{"ticks"}, Data: []byte("42")})
	switch {
	case err == nil:
		fmt.Println("sent, or will be")
	case errors.Is(err, spread.ErrWouldBlock):
		fmt.Println("the daemon is slow: this one is left out")
	default:
		log.Fatal(err)
	}
	// Output:
	// sent, or will be
}

// A context ends the waiting, and nothing else.
// A worker that goes on at another daemon when its own is lost.
func ExampleDialReconnecting() {
	ctx := context.Background()

	daemons := []string{daemon, "4803@host2"} // the first that answers
	c, err := spread.DialReconnecting(ctx, daemons, spread.WithName("alice"))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.Join(ctx, "jobs"); err != nil {
		log.Fatal(err)
	}
	for ev, err := range c.Events(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		switch ev := ev.(type) {
		case *spread.View:
			fmt.Println(ev.Group, "has the members", ev.Members)
			return
		case *spread.Message:
			fmt.Printf("%s asks for %q\n", ev.Sender, ev.Data)
		case *spread.Lost:
			fmt.Println("nothing comes for now:", ev.Err)
		case *spread.Restored:
			fmt.Println("here as", ev.PrivateGroup, "again; messages may have been missed")
		}
	}
	// Output:
	// jobs has the members [#alice#machine1]
}

func ExampleConn_Receive_cancel() {
	ctx := context.Background()
	c, err := spread.Dial(ctx, daemon, spread.WithName("alice")) // such as "4803"
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	_, err = c.Receive(short)
	if errors.Is(err, context.DeadlineExceeded) {
		fmt.Println("nothing has come")
	}

	// The connection is as good as before.
	if err := c.Multicast(ctx, spread.FIFO, c.PrivateGroup(), []byte("note to myself")); err != nil {
		log.Fatal(err)
	}
	ev, err := c.Receive(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", ev.(*spread.Message).Data)
	// Output:
	// nothing has come
	// note to myself
}

// The sets of a view tell who shares the past of this client.
func ExampleView() {
	// As Receive returns it to alice when a network that was split is whole again.
	v := &spread.View{
		Group:   "chat",
		Cause:   spread.CausedByNetwork,
		Members: []string{"#alice#machine1", "#bob#machine1", "#carol#machine2"},
		Sets:    [][]string{{"#alice#machine1", "#bob#machine1"}, {"#carol#machine2"}},
		OwnSet:  0,
	}

	if v.Cause != spread.CausedByNetwork {
		fmt.Println(v.Cause, "of", v.Changed)
		return
	}
	for i, set := range v.Sets {
		if i == v.OwnSet {
			fmt.Println(set, "received the same as I did")
		} else {
			fmt.Println(set, "come from elsewhere and must be told")
		}
	}
	// Output:
	// [#alice#machine1 #bob#machine1] received the same as I did
	// [#carol#machine2] come from elsewhere and must be told
}

func ExampleWithAuth() {
	ctx := context.Background()

	// The client's side of a method TOKEN, in which the daemon answers the right word
	// with a byte and refuses the connection otherwise.
	token := func(_ context.Context, rw io.ReadWriter) error {
		if _, err := io.WriteString(rw, "sesame"); err != nil {
			return err
		}
		_, err := io.ReadFull(rw, make([]byte, 1))
		return err
	}
	c, err := spread.Dial(ctx, daemon, spread.WithAuth("TOKEN", token)) // such as "4803"
	if errors.Is(err, spread.ErrAuth) {
		fmt.Println("we are not let in")
		return
	}
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	fmt.Println("welcome")
	// Output:
	// welcome
}
