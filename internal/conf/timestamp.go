package conf

import (
	"strconv"
	"strings"
	"time"
)

// TimeStamp is what EventTimeStamp and EventPreciseTimeStamp ask for: a text before every message of the log. The zero
// value asks for none.
type TimeStamp struct {
	format string
	custom bool // format was given in the file, even if empty
	plain  bool // EventTimeStamp stood in the file
	micros bool // EventPreciseTimeStamp stood in the file
}

const (
	maxStampFormat     = 39 // bytes; the rest is cut
	defaultStampFormat = "%m/%d/%y %H:%M:%S"
	epochSuffix        = " %s"
	// maxStamp bounds the formatted text, in bytes.
	maxStamp = 256
)

// On reports whether messages are stamped.
func (s TimeStamp) On() bool { return s.plain || s.micros }

// Precise reports whether microseconds are shown. They are given up if the format neither ends in seconds nor leaves
// room for them.
func (s TimeStamp) Precise() bool {
	_, precise := s.effective()
	return precise
}

// String gives the format in use, empty if stamps are off.
func (s TimeStamp) String() string {
	f, _ := s.effective()
	return f
}

// effective gives the strftime format in use and whether six digits follow.
func (s TimeStamp) effective() (format string, precise bool) {
	if !s.On() {
		return "", false
	}
	format = defaultStampFormat
	if s.custom {
		format = s.format[:min(len(s.format), maxStampFormat)]
	}
	switch {
	case !s.micros:
		return format, false
	case strings.HasSuffix(format, "%S"), strings.HasSuffix(format, "%s"):
		return format, true
	case len(format)+len(epochSuffix) <= maxStampFormat:
		return format + epochSuffix, true
	}
	return format, false
}

// Format gives the stamp for the time t, in t's zone, without the blank that separates it from the message. It is empty
// if stamps are off, and never longer than 256 bytes and the microseconds.
func (s TimeStamp) Format(t time.Time) string { return string(s.Append(nil, t)) }

// Append is Format into a buffer that the caller owns.
func (s TimeStamp) Append(b []byte, t time.Time) []byte {
	format, precise := s.effective()
	b = strftime(b, format, t)
	if precise {
		b = append(b, '.')
		b = pad(b, t.Nanosecond()/1000, 6, '0')
	}
	return b
}

// strftime appends t in the form of the C function, in the C locale. It knows the conversions of ISO C and POSIX, those of
// the GNU library, the flags - _ 0 ^ # and the modifiers E and O (which mean nothing in that locale). What it does not know
// stays as it is.
func strftime(b []byte, format string, t time.Time) []byte {
	start := len(b)
	for i := 0; i < len(format) && len(b)-start < maxStamp; {
		if format[i] != '%' {
			b = append(b, format[i])
			i++
			continue
		}
		end, flag := i+1, byte(0)
		for end < len(format) && strings.IndexByte("-_0^#", format[end]) >= 0 {
			flag = format[end]
			end++
		}
		if end < len(format) && (format[end] == 'E' || format[end] == 'O') {
			end++
		}
		if end == len(format) {
			b = append(b, format[i:]...)
			break
		}
		mark := len(b)
		var ok bool
		if b, ok = convert(b, format[end], flag, t); !ok {
			b = append(b, format[i:end+1]...)
		} else if flag == '^' || flag == '#' {
			changeCase(b[mark:], flag == '#' && (format[end] == 'Z' || format[end] == 'p'))
		}
		i = end + 1
	}
	if len(b)-start > maxStamp {
		b = b[:start+maxStamp]
	}
	return b
}

func changeCase(b []byte, lower bool) {
	for i, c := range b {
		switch {
		case lower && 'A' <= c && c <= 'Z':
			b[i] = c + ('a' - 'A')
		case !lower && 'a' <= c && c <= 'z':
			b[i] = c - ('a' - 'A')
		}
	}
}

// composites are conversions that stand for others.
var composites = map[byte]string{
	'c': "%a %b %e %H:%M:%S %Y", 'D': "%m/%d/%y", 'F': "%Y-%m-%d", 'R': "%H:%M", 'r': "%I:%M:%S %p",
	'T': "%H:%M:%S", 'X': "%H:%M:%S", 'x': "%m/%d/%y",
}

// layouts are conversions that Go's own formatting knows.
var layouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'p': "PM", 'P': "pm", 'Z': "MST", 'z': "-0700",
}

// convert appends one conversion; false if there is none of that name.
func convert(b []byte, c, flag byte, t time.Time) ([]byte, bool) {
	if f, ok := composites[c]; ok {
		return strftime(b, f, t), true
	}
	if f, ok := layouts[c]; ok {
		return t.AppendFormat(b, f), true
	}
	switch c {
	case '%':
		return append(b, '%'), true
	case 'n':
		return append(b, '\n'), true
	case 't':
		return append(b, '\t'), true
	case 's':
		return strconv.AppendInt(b, t.Unix(), 10), true
	}
	n, width, fill, ok := numeric(c, t)
	if !ok {
		return b, false
	}
	switch flag {
	case '-':
		width = 0
	case '_':
		fill = ' '
	case '0':
		fill = '0'
	}
	return pad(b, n, width, fill), true
}

// numeric gives the value of a conversion to a number, its width and what it is filled with.
func numeric(c byte, t time.Time) (n, width int, fill byte, ok bool) {
	hour12 := (t.Hour()+11)%12 + 1
	weekday := int(t.Weekday())
	isoYear, isoWeek := t.ISOWeek()
	switch c {
	case 'C':
		return t.Year() / 100, 2, '0', true
	case 'd':
		return t.Day(), 2, '0', true
	case 'e':
		return t.Day(), 2, ' ', true
	case 'G':
		return isoYear, 0, '0', true
	case 'g':
		return isoYear % 100, 2, '0', true
	case 'H':
		return t.Hour(), 2, '0', true
	case 'I':
		return hour12, 2, '0', true
	case 'j':
		return t.YearDay(), 3, '0', true
	case 'k':
		return t.Hour(), 2, ' ', true
	case 'l':
		return hour12, 2, ' ', true
	case 'M':
		return t.Minute(), 2, '0', true
	case 'm':
		return int(t.Month()), 2, '0', true
	case 'S':
		return t.Second(), 2, '0', true
	case 'U':
		return (t.YearDay() + 6 - weekday) / 7, 2, '0', true
	case 'u':
		return (weekday+6)%7 + 1, 1, '0', true
	case 'V':
		return isoWeek, 2, '0', true
	case 'W':
		return (t.YearDay() + 6 - (weekday+6)%7) / 7, 2, '0', true
	case 'w':
		return weekday, 1, '0', true
	case 'Y':
		return t.Year(), 0, '0', true
	case 'y':
		return t.Year() % 100, 2, '0', true
	}
	return 0, 0, 0, false
}

// pad appends n, filled on the left to the width.
func pad(b []byte, n, width int, fill byte) []byte {
	s := strconv.Itoa(n)
	for range width - len(s) {
		b = append(b, fill)
	}
	return append(b, s...)
}
