package conf

import (
	"strings"
	"testing"
)

func TestChanged(t *testing.T) {
	const own = "Spread_Segment 10.0.0.255:6000 { a 10.0.0.1 { 10.0.0.1 } b 10.0.0.2 }\n"
	for _, c := range []struct {
		what, cur, next string
		live, refused   []string // beginnings
	}{
		{"nothing", own, "# the same\n" + own, nil, nil},
		{"a default written out", own, own + "MaxSessionBytes = 67108864 WideAreaNetwork = false ActiveIPVersion = IPv4", nil, nil},
		{"live options", own, own + "MaxSessionMessages = 5 SenderHold = 7 EventPriority = ERROR EventTimeStamp = '%H' RequiredAuthMethods = IP",
			[]string{"EventPriority: INFO -> ERROR", `EventTimeStamp: "" -> %H`, "MaxSessionMessages: -1 -> 5", "SenderHold: 1000 -> 7",
				`AllowedAuthMethods: NULL -> ""`, `RequiredAuthMethods: "" -> IP`}, nil},
		{"an option deleted gets its default again", own + "MaxSessions = 5", own, []string{"MaxSessions: 5 -> 0"}, nil},
		{"options that need a restart", own + "RuntimeDir = /x", own + "EventLogFile = x SocketPortReuse = on DaemonUser = u DaemonGroup = g", nil, []string{
			`EventLogFile: "" -> x (needs a restart: the log file is opened at start`, "SocketPortReuse: auto -> on (needs a restart: the sockets",
			"RuntimeDir: /x -> \"\" (needs a restart", "DaemonUser: spread -> u (needs a restart", "DaemonGroup: spread -> g (needs a restart"}},
		{"options of the ring", own, own + "Window = 50 AcceleratedRing = true WideAreaNetwork = yes IgnoreMulticastJoinErrors = yes",
			[]string{"Window: 160 -> 50", "AcceleratedRing: false -> true (offered to the other daemons)", "WideAreaNetwork: false -> true",
				"configuration hash: 2732529279 -> 4153631726 (offered to the other daemons)"},
			[]string{"IgnoreMulticastJoinErrors: false -> true (needs a restart: the sockets are bound at start)"}},
		{"options of monitors", own, own + "DangerousMonitor = true", []string{"DangerousMonitor: false -> true"}, nil},
		{"the ring key file", own + "RingKeyFile = /a.key", own + "RingKeyFile = /b.key", []string{"RingKeyFile: /a.key -> /b.key"}, nil},
		{"old directives", own, own + "LinkProtocol = Hop", nil, nil},
		{"another daemon added before, changed, removed", own + "Spread_Segment 10.1.0.255 { x 10.1.0.1 y 10.1.0.2 }",
			"Spread_Segment 10.0.0.255:6000 { n 10.0.0.9 a 10.0.0.1 { 10.0.0.1 } b 10.0.0.3 }\nSpread_Segment 10.1.0.255 { y 10.1.0.2 }",
			[]string{"daemon x: removed (offered to the other daemons)", "daemon n: added at 10.0.0.9 port 6000 (offered", "daemon b: changed, now at 10.0.0.3 port 6000 (offered", "configuration hash: "}, nil},
		{"segment address of others", own + "Spread_Segment 10.1.0.255 { x 10.1.0.1 }", own + "Spread_Segment 10.1.9.255 { x 10.1.0.1 }",
			[]string{"segments: [10.0.0.255]:6000, [10.1.0.255]:4803 -> [10.0.0.255]:6000, [10.1.9.255]:4803 (offered", "configuration hash: "}, nil},
		{"own segment address", own, strings.Replace(own, "10.0.0.255", "10.0.9.255", 1), []string{"segments: [10.0.0.255]:6000 -> [10.0.9.255]:6000", "configuration hash: "},
			[]string{"daemon a: segment address [10.0.0.255] -> [10.0.9.255] (needs a restart: the sockets are bound at start)"}},
		{"own address", own, strings.Replace(own, "a 10.0.0.1 { 10.0.0.1 }", "a 10.0.0.5 { 0.0.0.0 }", 1), []string{"configuration hash: "},
			[]string{"daemon a: address 10.0.0.1 -> 10.0.0.5 (needs a restart: this is its own entry)"}},
		{"own id", own, strings.Replace(own, "a 10.0.0.1", "a 10.0.0.1 VirtualID = 5", 1), []string{"configuration hash: "}, []string{"daemon a: id 2489203003 -> 5 (needs"}},
		{"own interfaces", own, strings.Replace(own, "{ 10.0.0.1 }", "{ 10.0.0.1 C 10.0.0.9 }", 1), nil, []string{"daemon a: its interfaces changed (needs"}},
		{"own port", own, strings.Replace(own, ":6000", ":6002", 1), []string{"daemon b: changed, now at 10.0.0.2 port 6002", "segments: ", "configuration hash: "},
			[]string{"daemon a: port 6000 -> 6002 (needs"}},
		{"own entry gone", own, "Spread_Segment 10.0.0.255:6000 { b 10.0.0.2 }", []string{"configuration hash: "}, []string{"daemon a: no longer in the file"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			live, refused := Changed(parse(t, c.cur), parse(t, c.next), "a")
			check(t, "live", live, c.live)
			check(t, "refused", refused, c.refused)
		})
	}
}

func check(t *testing.T, what string, got, want []string) {
	t.Helper()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		ok = strings.HasPrefix(got[i], want[i])
	}
	if !ok {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// TestChangedKnowsAll: no directive can be changed without Changed saying so.
func TestChangedKnowsAll(t *testing.T) {
	values := map[Key]string{
		KeyDebugFlags: "= { ALL }", KeyEventPriority: "= ERROR", KeyEventTimeStamp: "", KeyEventPreciseTimeStamp: "",
		KeySocketPortReuse: "= on", KeyLogFormat: "= json", KeyRequiredAuthMethods: "= IP",
	}
	silent := map[Key]bool{ // by design: no value but the default, or none of its own
		KeyAccessControlPolicy: true, KeyActiveIPVersion: true, KeyLinkProtocol: true, KeyRouteMatrix: true, KeyDebugInitialSequence: true,
		KeyAllowedAuthMethods: true, // shown by the case above
	}
	cur := parse(t, seg)
	for i := range directives {
		d := &directives[i]
		if silent[d.key] {
			continue
		}
		value, ok := values[d.key]
		if !ok {
			value = map[form]string{formNumber: "= 21", formMillis: "= 21", formBool: "= true", formWord: "= 'x'", formListen: "= 21"}[d.form]
		}
		src := seg + string(d.key) + value
		if d.timer {
			src = seg
			for j := range directives {
				if directives[j].timer {
					src += string(directives[j].key) + " = 21\n"
				}
			}
		}
		src = strings.ReplaceAll(src, string(d.key)+"=", string(d.key)+" =")
		live, refused := Changed(cur, parse(t, src), "a")
		if !strings.Contains(strings.Join(append(live, refused...), "\n"), string(d.key)+": ") {
			t.Errorf("%s: live %q refused %q", d.key, live, refused)
		}
	}
}
