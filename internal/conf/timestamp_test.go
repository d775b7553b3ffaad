package conf

import (
	"strings"
	"testing"
	"time"
)

// TestTimeStamp: what release 5 printed, on Linux, for the same moment. "none" stands for EventTimeStamp without a value.
func TestTimeStamp(t *testing.T) {
	at := time.Date(2026, time.November, 25, 15, 38, 59, 9386789, time.UTC) // 1795621139
	const ten = "0123456789"
	for _, c := range []struct{ options, want string }{
		{"EventTimeStamp", "11/25/26 15:38:59"},
		{"EventPreciseTimeStamp", "11/25/26 15:38:59.009386"},
		{"EventTimeStamp EventPreciseTimeStamp", "11/25/26 15:38:59.009386"},
		{"EventPreciseTimeStamp EventTimeStamp", "11/25/26 15:38:59.009386"},
		{"EventTimeStamp = B", "B"},
		{"EventTimeStamp = A EventTimeStamp", "11/25/26 15:38:59"},
		{"EventTimeStamp = '[%Y-%m-%d %H:%M:%S]'", "[2026-11-25 15:38:59]"},
		{"EventTimeStamp = %H:%M:%S EventPreciseTimeStamp", "15:38:59.009386"},
		{"EventPreciseTimeStamp EventTimeStamp = '[%H:%M:%S]'", "[15:38:59] 1795621139.009386"},
		{"EventTimeStamp = %s EventPreciseTimeStamp", "1795621139.009386"},
		{"EventTimeStamp = '' EventPreciseTimeStamp", " 1795621139.009386"},
		{"EventTimeStamp = '%' EventPreciseTimeStamp", "% 1795621139.009386"},
		{"EventTimeStamp = '%%S' EventPreciseTimeStamp", "%S.009386"},
		{"EventTimeStamp = '" + ten + ten + ten + ten + "abcdef'", ten + ten + ten + "012345678"},
		{"EventTimeStamp = '" + ten + ten + ten + "0123456' EventPreciseTimeStamp", ten + ten + ten + "0123456"},
		{"EventTimeStamp = '" + ten + ten + ten + "012345' EventPreciseTimeStamp", ten + ten + ten + "012345 1795621139.009386"},
		{"EventTimeStamp = '" + ten + ten + ten + "01234%S' EventPreciseTimeStamp", ten + ten + ten + "0123459.009386"},
		{"EventTimeStamp = '%Q|%E|%Ey|%Od|%-d|%_d|%^a|%#Z|%'", "%Q|%E|26|25|25|25|WED|utc|%"},
		{"EventTimeStamp = 'a%b %e %k %l|%t|%D %F %T %R %r'", "aNov 25 15  3|\t|11/25/26 2026-11-25 15:38:59 15:38 03:38:59 PM"},
		{"EventTimeStamp = '%c|%x|%X|%p|%P|%s|%j|%U|%W|%V'", "Wed Nov 25 15:38:59 2026|11/25/26|15:38:59|PM|pm|1795621139|329|47|47|48"},
		{"EventTimeStamp = '%G|%g|%u|%w|%y|%C|%z|%Z|%h|%+|%A|%B'", "2026|26|3|3|26|20|+0000|UTC|Nov|%+|Wednesday|November"},
		{"EventTimeStamp = '%n%I|%M'", "\n03|38"},
	} {
		got := parse(t, seg+c.options).Options.Log.Stamp
		if text := got.Format(at); text != c.want {
			t.Errorf("%s: %q, want %q", c.options, text, c.want)
		}
		if !got.On() {
			t.Errorf("%s: off", c.options)
		}
	}
	if off := parse(t, seg).Options.Log.Stamp; off.On() || off.Precise() || off.Format(at) != "" {
		t.Errorf("without an option: %+v", off)
	}
}

// Small numbers, other zones, and the turn of a year.
func TestTimeStampFill(t *testing.T) {
	at := time.Date(2027, time.January, 3, 0, 5, 6, 0, time.FixedZone("CET", 3600))
	for format, want := range map[string]string{
		"%d|%-d|%_d|%e|%0e": "03|3| 3| 3|03", "%H|%k|%I|%l": "00| 0|12|12", "%j|%-j|%U|%W|%V|%G": "003|3|01|00|53|2026",
		"%z|%Z|%s": "+0100|CET|1798931106", "%u|%w": "7|0",
	} {
		s := TimeStamp{plain: true, custom: true, format: format}
		if got := s.Format(at); got != want {
			t.Errorf("%s: %q, want %q", format, got, want)
		}
	}
}

func TestTimeStampAppend(t *testing.T) {
	s := TimeStamp{micros: true}
	buf := append(make([]byte, 0, 64), "x "...)
	at := time.Date(2026, time.November, 25, 15, 38, 59, 0, time.UTC)
	if got := string(s.Append(buf, at)); got != "x 11/25/26 15:38:59.000000" {
		t.Errorf("got %q", got)
	}
	if n := testing.AllocsPerRun(100, func() { s.Append(buf, at) }); n > 0 {
		t.Errorf("%v allocations for a stamp", n)
	}
	long := TimeStamp{plain: true, custom: true, format: strings.Repeat("%c", 19)}
	if got := len(long.Format(at)); got != maxStamp {
		t.Errorf("a stamp of %d bytes", got)
	}
}
