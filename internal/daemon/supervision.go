package daemon

import (
	"context"
	"os"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/sdnotify"
)

// supervision tells the service manager, if there is one, how the daemon is: ready,
// reloading, stopping, in which membership, and, if it wants to know, alive.
type supervision struct {
	tell   func(lines ...string) error
	every  time.Duration // of the signs of life; 0: none are wanted
	status chan string   // the latest that is not yet told
	log    *logger
	close  func() error
}

// supervise finds the service manager of this process.
func supervise(log *logger) *supervision {
	conn, err := sdnotify.Open(os.Getenv)
	if err != nil {
		log.logf(conf.LevelWarning, conf.FlagPrint, "Spread: %v", err)
	}
	return &supervision{tell: conn.Tell, every: sdnotify.WatchdogEvery(os.Getenv), status: make(chan string, 1), log: log, close: conn.Close}
}

// say tells what is so now. It may take a second if the manager does not read.
func (s *supervision) say(lines ...string) {
	if s == nil {
		return
	}
	if err := s.tell(lines...); err != nil {
		s.log.log(entry{level: conf.LevelWarning, flags: conf.FlagPrint, key: "service manager", text: "Spread: " + err.Error()})
	}
}

// describe lets watch tell the state in words. It never waits, and is called in turns
// of the engine only.
func (s *supervision) describe(text string) {
	if s == nil {
		return
	}
	select {
	case <-s.status:
	default:
	}
	s.status <- text
}

// watch tells the state whenever it changes, and gives a sign of life after each turn
// that it could make, until ctx ends. If the engine is stuck, so is turn, and the
// manager sees no more signs.
func (s *supervision) watch(ctx context.Context, turn func()) {
	if s == nil {
		return
	}
	var due <-chan time.Time
	if s.every > 0 {
		ticker := time.NewTicker(s.every)
		defer ticker.Stop()
		due = ticker.C
	}
	for {
		select {
		case text := <-s.status:
			s.say(sdnotify.Status(text))
		case <-due:
			turn()
			s.say(sdnotify.Watchdog)
		case <-ctx.Done():
			return
		}
	}
}
