package spread_test

import (
	"errors"
	"io"
	"log"
	"os"
	"testing"

	"gospread/spread/internal/fakedaemon"
)

// daemon is the daemon "machine1" of the examples, which has the authentication
// methods NULL and TOKEN.
var daemon string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	d := fakedaemon.New("machine1")
	d.Auth = map[string]func(io.ReadWriter) error{"TOKEN": checkToken}
	var stop func()
	var err error
	if daemon, stop, err = d.Listen(); err != nil {
		log.Print(err)
		return 1
	}
	defer stop()
	return m.Run()
}

func checkToken(rw io.ReadWriter) error {
	var b [6]byte
	if _, err := io.ReadFull(rw, b[:]); err != nil {
		return err
	}
	if string(b[:]) != "sesame" {
		return errors.New("wrong token")
	}
	_, err := rw.Write([]byte{1})
	return err
}
