// Command demo serves the console page of a daemon that does not exist, for looking
// at it: go run ./internal/console/consoletest/demo, and open the address that it
// prints. Daemons leave and come back, and a client is slow and is cut off.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"gospread/spread/internal/console/consoletest"
	"gospread/spread/internal/status"
)

func main() {
	address := flag.String("address", "127.0.0.1:0", "where to listen")
	o := consoletest.Options{}
	flag.IntVar(&o.Daemons, "daemons", 8, "daemons of the configuration")
	flag.IntVar(&o.Segments, "segments", 2, "segments that they are in")
	flag.IntVar(&o.Groups, "groups", 60, "groups")
	flag.IntVar(&o.Sessions, "sessions", 40, "clients")
	every := flag.Duration("scene", 15*time.Second, "time between events")
	flag.Parse()
	if err := serve(*address, o, *every); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func serve(address string, o consoletest.Options, every time.Duration) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s := consoletest.New(o)
	go play(s, o, every)
	fmt.Printf("http://%s/\n", l.Addr())
	return http.Serve(l, s)
}

// play has something happen again and again, until the program ends.
func play(s *consoletest.Server, o consoletest.Options, every time.Duration) {
	client := "#client1#earth"
	scenes := []func(){func() { s.Stall(client, true) }}
	if o.Daemons > 2 {
		scenes = append(scenes,
			func() { s.Leave("mars and venus fell silent", "mars", "venus") },
			func() { s.Join("a part of the ring was found", "mars") },
			func() { s.Change(func(r *status.Report) { r.Daemons[2].Mismatch, r.Daemons[2].Heard = true, 0.2 }) })
	}
	scenes = append(scenes, func() { s.CutOff(client) })
	if o.Daemons > 2 {
		scenes = append(scenes, func() {
			s.Change(func(r *status.Report) { r.Daemons[2].Mismatch = false })
			s.Join("venus has the same configuration again", "venus")
		})
	}
	for i := 0; ; i++ {
		time.Sleep(every)
		scenes[i%len(scenes)]()
	}
}
