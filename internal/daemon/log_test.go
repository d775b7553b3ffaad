package daemon

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread/internal/conf"
)

// records parses a log of JSON; each line must be an object.
func records(t *testing.T, text string) []map[string]any {
	t.Helper()
	var list []map[string]any
	for line := range strings.Lines(text) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in the line %q", err, line)
		}
		if _, err := time.Parse("2006-01-02T15:04:05.000Z07:00", r["time"].(string)); err != nil {
			t.Errorf("%v in the line %q", err, line)
		}
		for _, key := range []string{"level", "component", "msg"} {
			if s, _ := r[key].(string); s == "" {
				t.Errorf("no %s in the line %q", key, line)
			}
		}
		list = append(list, r)
	}
	return list
}

func find(t *testing.T, list []map[string]any, msg string) map[string]any {
	t.Helper()
	for _, r := range list {
		if strings.Contains(r["msg"].(string), msg) {
			return r
		}
	}
	t.Fatalf("no %q in %v", msg, list)
	return nil
}

// TestJSONLog: all lines of a daemon, from the first to the last, are objects.
func TestJSONLog(t *testing.T) {
	d := startDaemon(t, "DebugFlags = { ALL }\nLogFormat = json\nEventTimeStamp", Options{Version: "1.2.3"})
	c := d.connect("alice", false)
	c.Write([]byte(strings.Repeat("nonsense", 100)))
	d.log.wait(t, "illegal")
	d.configure("LogFormat = json\nWindow = 50\nSocketPortReuse = on")
	d.reload(t.Context())
	d.configure("LogFormat = json\nWindow = 50")
	d.reload(t.Context())
	d.reload(t.Context())
	d.configure("Nonsense")
	d.reload(t.Context())
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	list := records(t, d.log.String())
	if got := list[0]; got["version"] != "1.2.3" {
		t.Errorf("the first is %v", got)
	}
	if got := list[len(list)-1]; got["msg"] != "Spread daemon exiting normally!" {
		t.Errorf("the last is %v", got)
	}
	m := find(t, list, "Membership: 1 of 1")
	if fmt.Sprint(m["members"]) != "[d]" || m["component"] != "membership" || m["level"] != "INFO" {
		t.Errorf("%v", m)
	}
	s := find(t, list, "Session #alice#d from 127.0.0.1")
	if s["session"] != "#alice#d" || s["component"] != "session" || s["level"] != "WARNING" || s["reason"] == nil || s["remote"] == nil {
		t.Errorf("%v", s)
	}
	r := find(t, list, "read again: 3 changed, 1 not changed")
	if got := fmt.Sprint(r["not_changed"]); !strings.Contains(got, "SocketPortReuse") {
		t.Errorf("%v", r)
	}
	if u := find(t, list, "is unchanged"); fmt.Sprint(u["changed"], u["not_changed"]) != "[] []" {
		t.Errorf("%v", u)
	}
	if f := find(t, list, "stays as it was"); f["level"] != "ERROR" {
		t.Errorf("%v", f)
	}
	if strings.Contains(d.log.String(), "====") {
		t.Errorf("a block in\n%s", d.log)
	}
}

// TestLogFormatIsReloaded: the next line has the new format.
func TestLogFormatIsReloaded(t *testing.T) {
	d := startDaemon(t, "", Options{})
	d.log.wait(t, "====\n\n")
	before := len(d.log.String())
	d.configure("LogFormat = json")
	d.reload(t.Context())
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(d.log.String()[before:], "\n") // the announcement of the reload
	if list := records(t, after); !ok || len(list) < 3 {
		t.Errorf("%s", after)
	}
}

// TestRefusedStartIsLogged: what was held back until the format is known comes out
// although it never is.
func TestRefusedStartIsLogged(t *testing.T) {
	r := &running{t: t, dir: t.TempDir(), port: freePort(t), log: newLogBuffer()}
	r.file = filepath.Join(r.dir, "spread.conf")
	r.configure("Nonsense")
	if err := r.start(Options{Version: "1.2.3"}); err == nil {
		t.Fatal("it started")
	}
	if got := r.log.String(); !strings.Contains(got, "| gospread 1.2.3") {
		t.Errorf("the log: %s", got)
	}
}

// TestBannerStaysOnStandardOutput: what is logged before the file of the log is
// known, is not in it (configuration and tools 7.3).
func TestBannerStaysOnStandardOutput(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	d := startDaemon(t, fmt.Sprintf("EventLogFile = %q", file), Options{Version: "1.2.3"})
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if out := d.log.String(); err != nil || !strings.HasPrefix(out, "/===") || !strings.HasSuffix(out, "using file: "+d.file+"\n") {
		t.Errorf("%v; standard output:\n%s", err, out)
	}
	if strings.Contains(string(text), "1.2.3") || !strings.HasSuffix(string(text), "exiting normally!\n") {
		t.Errorf("the file:\n%s", text)
	}
}

// TestHeldLogIsBounded: also if the configuration takes its time.
func TestHeldLogIsBounded(t *testing.T) {
	out := newLogBuffer()
	l := newLogger(out, time.Now)
	l.hold()
	var want strings.Builder
	for i := range 2 * logHeld {
		l.print("%d", i)
		fmt.Fprintln(&want, i)
		if len(l.held) > logHeld {
			t.Fatalf("%d entries are held", len(l.held))
		}
	}
	l.close()
	if got := out.String(); got != want.String() {
		t.Errorf("%s", got)
	}
}

// TestRepetitionIsCounted: of the same in numbers a part is written, and the rest is
// counted; what differs is not held back.
func TestRepetitionIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newLogBuffer()
		l := newLogger(out, time.Now)
		for i := range 250 {
			l.logf(conf.LevelWarning, conf.FlagPrint, "refused %d", i)
		}
		l.logf(conf.LevelWarning, conf.FlagPrint, "something else")
		synctest.Wait()
		if got := out.String(); strings.Count(got, "refused") != logBurst || !strings.HasSuffix(got, "refused 99\nsomething else\n") {
			t.Fatalf("%s", got)
		}
		time.Sleep(logWindow)
		synctest.Wait()
		if got := out.String(); !strings.HasSuffix(got, "\nrefused 249 (149 more like this in the last 10s were not logged)\n") {
			t.Fatalf("%s", got)
		}
		time.Sleep(logWindow)
		l.logf(conf.LevelWarning, conf.FlagPrint, "refused %d", 250)
		synctest.Wait()
		if got := out.String(); !strings.HasSuffix(got, "logged)\nrefused 250\n") {
			t.Fatalf("%s", got)
		}
		// The end does not wait for the time to be over.
		for i := range logBurst + 1 {
			l.logf(conf.LevelWarning, conf.FlagPrint, "refused %d", i)
		}
		l.close()
		if got := out.String(); !strings.HasSuffix(got, "\nrefused 98\nrefused 100 (1 more like this in the last 0s were not logged)\n") {
			t.Fatalf("%s", got)
		}
	})
}

// TestRepetitionInJSON: the count is a number.
func TestRepetitionInJSON(t *testing.T) {
	out := newLogBuffer()
	l := newLogger(out, time.Now)
	o := l.options
	o.Format = conf.LogJSON
	l.set(o)
	for range logBurst + 10 {
		l.log(entry{level: conf.LevelError, flags: conf.FlagSession | conf.FlagPrint, key: "k", text: "text\nof two lines",
			fields: []slog.Attr{slog.String("session", "#a\"\xff#b")}})
	}
	l.close()
	list := records(t, out.String())
	if r := list[len(list)-1]; len(list) != logBurst+1 || r["not_logged"] != 9.0 || r["level"] != "ERROR" {
		t.Errorf("%d lines, the last is %v", len(list), r)
	}
}

// TestWatchedKeysAreBounded: more keys than are watched cost no memory and hide
// nothing.
func TestWatchedKeysAreBounded(t *testing.T) {
	now := time.Unix(1, 0)
	var m limiter
	for i := range 10 * logKeys {
		if !m.admits(&entry{key: fmt.Sprint(i)}, now) {
			t.Fatalf("the first of key %d is not written", i)
		}
	}
	if len(m.keys) > logKeys {
		t.Errorf("%d keys are watched", len(m.keys))
	}
	m.admits(&entry{key: "later"}, now.Add(logWindow))
	if len(m.keys) != 1 {
		t.Errorf("%d keys are watched later", len(m.keys))
	}
}
