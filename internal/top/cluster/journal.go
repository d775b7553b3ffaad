package cluster

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Level is how much an event matters.
type Level uint8

// The levels.
const (
	Info Level = iota
	Good       // something is well again
	Warn
	Bad
)

// Event is something that happened between two rounds.
type Event struct {
	At    time.Time // the end of the round that showed it
	Level Level
	Text  string
}

// MostEvents is how many are kept.
const MostEvents = 200

// journal has the last events, the latest last.
type journal struct{ events []Event }

func (j *journal) add(e Event) {
	if len(j.events) >= MostEvents {
		j.events = slices.Delete(j.events, 0, len(j.events)-MostEvents+1)
	}
	j.events = append(j.events, e)
}

// changes words who came and who went.
func changes(joined, left []string) string {
	var b strings.Builder
	if len(left) > 0 {
		b.WriteString("; without " + some(left))
	}
	if len(joined) > 0 {
		b.WriteString("; with " + some(joined))
	}
	return b.String()
}

// some names at most a few.
func some(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:few], ", ") + " and " + strconv.Itoa(len(names)-few) + " more"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// Age words a duration with two units, the smallest of them seconds: 35s, 4m12s,
// 3h05m, 2d04h.
func Age(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	switch {
	case s < 60:
		return strconv.FormatInt(s, 10) + "s"
	case s < 3600:
		return pair(s/60, "m", s%60, "s")
	case s < 86400:
		return pair(s/3600, "h", s/60%60, "m")
	}
	return pair(s/86400, "d", s/3600%24, "h")
}

func pair(a int64, unit string, b int64, small string) string {
	rest := strconv.FormatInt(b, 10)
	if b < 10 {
		rest = "0" + rest
	}
	return strconv.FormatInt(a, 10) + unit + rest + small
}
