package spread_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"gospread/spread"
	"gospread/spread/internal/fakedaemon"
)

// startDaemon starts a daemon for an example. Where one is running, its name is
// "4803" on the same machine and "4803@host" from elsewhere.
func startDaemon() (daemon string, stop func()) {
	daemon, stop, err := fakedaemon.New("machine1").Listen()
	if err != nil {
		log.Fatal(err)
	}
	return daemon, stop
}

func Example() {
	daemon, stop := startDaemon()
	defer stop()
	ctx := context.Background()

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
	daemon, stop := startDaemon()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()

	first, err := spread.Dial(ctx, daemon, spread.WithName("alice"))
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
	daemon, stop := startDaemon()
	defer stop()
	ctx := context.Background()

	c, err := spread.Dial(ctx, daemon, spread.WithName("alice"))
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
