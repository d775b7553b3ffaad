package flush_test

import (
	"log"
	"os"
	"testing"

	"gospread/spread/internal/fakedaemon"
)

// daemon is the daemon "machine1" of the examples.
var daemon string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var stop func()
	var err error
	if daemon, stop, err = fakedaemon.New("machine1").Listen(); err != nil {
		log.Print(err)
		return 1
	}
	defer stop()
	return m.Run()
}
