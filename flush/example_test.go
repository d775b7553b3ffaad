package flush_test

import (
	"context"
	"fmt"
	"log"

	"gospread/spread"
	"gospread/spread/flush"
)

func Example() {
	ctx := context.Background()

	// daemon is "4803" for the one with that port on this machine, or "4803@host".
	c, err := flush.Dial(ctx, daemon, spread.WithName("alice"))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.Join(ctx, "bank"); err != nil {
		log.Fatal(err)
	}
	for ev, err := range c.Events(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		switch ev := ev.(type) {
		case *flush.FlushRequest:
			if err := c.Flush(ctx, ev.Group); err != nil {
				log.Fatal(err)
			}
		case *flush.View:
			fmt.Println("view of", ev.Group, "with", ev.Members)
			if err := c.Multicast(ctx, spread.Agreed, ev.Group, []byte("deposit 10")); err != nil {
				log.Fatal(err)
			}
		case *flush.Message:
			fmt.Printf("%s: %s\n", ev.Sender, ev.Data)
			return
		}
	}
	// Output:
	// view of bank with [#alice#machine1]
	// #alice#machine1: deposit 10
}
