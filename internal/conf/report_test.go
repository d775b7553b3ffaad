package conf

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func report(t *testing.T, c *Config) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.WriteReport(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestReport compares with the log of release 5, line by line. Its warnings have another form and are left out.
func TestReport(t *testing.T) {
	const configured = "Configured daemon 'a' with IP '127.0.0.1'\nAuto-generated virtual ID = '2489203003' for daemon 'a'\n"
	const one = configured + "Successfully configured Segment 0 [127.0.0.255]:6000 with 1 procs:\n" + "\t                   a: 127.0.0.1\n"
	const last = "Hash value for this configuration is: 1605691288\nFinished configuration file.\n"
	for _, c := range []struct{ src, want string }{
		{seg, one + last},
		{"Spread_Segment 127.0.0.255:6000 { a 127.0.0.1 VirtualID = 7 }\nSpread_Segment 10.0.0.255 { 127.0.0.1 }",
			"Configured daemon 'a' with IP '127.0.0.1'\nExplicit virtual ID = '7' for daemon 'a'\n" +
				"Successfully configured Segment 0 [127.0.0.255]:6000 with 1 procs:\n\t                   a: 127.0.0.1\n" +
				"Configured daemon '127.0.0.1' with IP '127.0.0.1'\nAuto-generated virtual ID = '3409748320' for daemon '127.0.0.1'\n" +
				"Successfully configured Segment 1 [10.0.0.255]:4803 with 1 procs:\n\t           127.0.0.1: 127.0.0.1\n" +
				"Hash value for this configuration is: 2151363609\nFinished configuration file.\n"},
		{"RuntimeDir = /x DaemonUser = u DaemonGroup = g\n" + seg, "Set runtime directory to '/x'\nSet user name to 'u'\nSet group name to 'g'\n" + one + last},
		{"DangerousMonitor = yes DangerousMonitor = no\n" + seg,
			"ENABLING Dangerous Monitor Commands! Make sure Spread network is secured\nDisabling Dangerous Monitor Commands!\n" + one + last},
		{"SocketPortReuse = on SocketPortReuse = off SocketPortReuse = auto\n" + seg,
			"Setting SO_REUSEADDR to always on -- make sure Spread daemon host is secured!\nSetting SO_REUSEADDR to always off\nSetting SO_REUSEADDR to auto\n" + one + last},
		{"ActiveIPVersion = IPv4\n" + seg, "Setting active IP version to 2\n" + one + last},
		{"ActiveIPVersion = IPv6\nSpread_Segment [ff02::7%lo]:6000 { fd00::1%lo }",
			"Setting active IP version to 10\nConfigured daemon 'fd00::1' with IP 'fd00::1%lo'\nAuto-generated virtual ID = '4018132277' for daemon 'fd00::1'\n" +
				"Successfully configured Segment 0 [ff02::7%lo]:6000 with 1 procs:\n\t             fd00::1: fd00::1%lo\n" +
				"Hash value for this configuration is: 403025987\nFinished configuration file.\n"},
		{"DebugFlags = { ALL !DATA_LINK !EVENTS !MEMORY }\n" + seg, "Set Alarm mask to: fffffff1\n" + one + last},
		{"DebugFlags = { PRINT EXIT }\n" + seg, ""},
		{"DebugFlags = { }\nDangerousMonitor = yes SocketPortReuse = off\n" + seg,
			"ENABLING Dangerous Monitor Commands! Make sure Spread network is secured\nSetting SO_REUSEADDR to always off\n"},
		{"EventPriority = ERROR\n" + seg, ""},
		{"EventPriority = FATAL DangerousMonitor = no\n" + seg, "Disabling Dangerous Monitor Commands!\n"},
		{"EventPriority = pDEBUG\n" + seg, one + last},
		// Options hold from where they stand.
		{seg + "EventPriority = ERROR", one},
		{"DebugFlags = { NONE }\n" + seg + "DebugFlags = { CONFIGURATION }", "Set Alarm mask to: 100\n" + last},
	} {
		var got []string
		for _, line := range strings.SplitAfter(report(t, parse(t, c.src)), "\n") {
			if !strings.HasPrefix(line, "t.conf:") {
				got = append(got, line)
			}
		}
		if strings.Join(got, "") != c.want {
			t.Errorf("%s\n got:\n%s\nwant:\n%s", c.src, strings.Join(got, ""), c.want)
		}
	}
}

// Warnings stand where their cause is, and are shown at level WARNING.
func TestReportWarnings(t *testing.T) {
	for _, c := range []struct {
		before string
		shown  bool
	}{{"", true}, {"EventPriority = WARNING ", true}, {"EventPriority = ERROR ", false}, {"DebugFlags = { PRINT } ", false}} {
		got := report(t, parse(t, c.before+seg+"Window = 5 PersonalWindow = 5 Window = 6 DangerousMonitor = yes"))
		if strings.Contains(got, ": Window was already set") != c.shown {
			t.Errorf("%s:\n%s", c.before, got)
		}
	}
}

// Every line of the report carries the logging options that hold for it.
func TestReportLogging(t *testing.T) {
	c := parse(t, seg+"EventTimeStamp = B\nEventLogFile = x_%h.log\nSocketPortReuse = on")
	for _, l := range c.Report {
		late := strings.HasPrefix(l.Text, "Setting SO_") || strings.HasPrefix(l.Text, "Hash") || strings.HasPrefix(l.Text, "Finished")
		if want := map[bool]string{true: "x_vm.log"}[late]; l.Log.File != want || l.Log.Stamp.On() != late {
			t.Errorf("%q: %+v", l.Text, l.Log)
		}
	}
}

func TestShows(t *testing.T) {
	l := Logging{Mask: FlagSession, Priority: LevelError}
	for _, c := range []struct {
		level Level
		flags EventFlags
		want  bool
	}{
		{LevelError, FlagSession, true}, {LevelCritical, FlagSession | FlagGroups, true}, {LevelWarning, FlagSession, false},
		{LevelCritical, FlagGroups, false}, {LevelPrint, FlagGroups, true}, {LevelFatal, 0, true}, {LevelDebug, FlagExit, true},
	} {
		if got := l.Shows(c.level, c.flags); got != c.want {
			t.Errorf("level %v flags %v: %v", c.level, c.flags, got)
		}
	}
}

func TestFlagsText(t *testing.T) {
	for flags, want := range map[EventFlags]string{
		0: "{ }", FlagAll: "{ ALL }", FlagPrint | FlagExit: "{ EXIT PRINT }", FlagAll &^ FlagDataLink: "{ ALL !DATA_LINK }",
	} {
		if got := flags.String(); got != want {
			t.Errorf("%x: %s, want %s", uint32(flags), got, want)
		}
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errNoHost }

func TestWriteErrors(t *testing.T) {
	c := parse(t, seg)
	if err := c.WriteReport(failingWriter{}); !errors.Is(err, errNoHost) {
		t.Errorf("WriteReport: %v", err)
	}
	if err := c.Describe(failingWriter{}); !errors.Is(err, errNoHost) {
		t.Errorf("Describe: %v", err)
	}
}
