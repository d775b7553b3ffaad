package conf

import (
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func readDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReference: the reference has every directive once, with the default, range, effect and reload that the code has.
func TestReference(t *testing.T) {
	rows := make(map[string][]string)
	for line := range strings.Lines(readDoc(t, "spread.conf.md")) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		name := strings.Trim(cells[0], "`")
		if len(cells) != 7 || directiveByKey[name] == nil {
			continue
		}
		if rows[name] != nil {
			t.Errorf("%s is there twice", name)
		}
		rows[name] = cells
	}
	defaults := defaultOptions()
	for i := range directives {
		d := &directives[i]
		row := rows[string(d.key)]
		if row == nil {
			t.Errorf("%s is not in the reference", d.key)
			continue
		}
		value, standard, effective, reload := row[1], strings.Trim(row[2], "`"), row[3], row[4]
		if d.form == formNumber || d.form == formMillis {
			want := strconv.Itoa(d.min) + ".." + strconv.Itoa(d.max)
			if d.form == formMillis {
				want += " ms"
			}
			if !strings.HasPrefix(value, want) {
				t.Errorf("%s: value %q, want %q", d.key, value, want)
			}
		}
		if got := d.value(&defaults); standard != got && !standsFor(standard, got, d) {
			t.Errorf("%s: default %q, want %q", d.key, standard, got)
		}
		if want := [...]string{"now", "never"}[d.effect]; effective != want {
			t.Errorf("%s: effective %q, want %q", d.key, effective, want)
		}
		want := "at once"
		switch {
		case d.restart != "":
			want = "restart"
		case d.hashed:
			want = "offered"
		case d.effect == effectNever:
			want = "-"
		}
		if reload != want {
			t.Errorf("%s: reload %q, want %q", d.key, reload, want)
		}
	}
}

// standsFor says whether a default in words is what the code has as its value.
func standsFor(words, value string, d *directive) bool {
	switch {
	case d.timer:
		return words == "see below" && value == "0"
	case d.effect == effectNever:
		return words == "-"
	}
	want, ok := map[string]map[Key]string{
		"none":                          {KeyEventLogFile: "", KeyRequiredAuthMethods: "", KeyRuntimeDir: "", KeyRingKeyFile: "", KeyHTTPStatus: ""},
		"off":                           {KeyEventTimeStamp: "", KeyEventPreciseTimeStamp: "false"},
		"no limit":                      {KeyMaxSessionMessages: "-1"},
		"that of the addresses":         {KeyActiveIPVersion: "none"},
		"true if more than one segment": {KeyWideAreaNetwork: "false"},
	}[words][d.key]
	return ok && want == value
}

// TestSample: the sample file works as it is, like no file at all; and with everything in it switched on it still parses,
// says no more than the defaults, and has left out no directive of today.
func TestSample(t *testing.T) {
	text := readDoc(t, "sample.spread.conf")
	c := parse(t, text)
	if len(c.Warnings) > 0 {
		t.Errorf("remarks: %v", c.Warnings)
	}
	if d := Default(); !reflect.DeepEqual(c.Segments, d.Segments) || c.Hash() != d.Hash() {
		t.Errorf("differs from the built-in configuration: %+v", c.Segments)
	}
	all := regexp.MustCompile(`(?m)^#([A-Z])`).ReplaceAllString(text, "$1")
	on := parse(t, all)
	if len(on.Warnings) > 0 {
		t.Errorf("switched on: %v", on.Warnings)
	}
	defaults := defaultOptions()
	for i := range directives {
		d := &directives[i]
		if d.effect == effectNever {
			continue
		}
		if !on.Options.IsSet(d.key) {
			t.Errorf("%s is not in the sample", d.key)
		}
		switch d.key {
		case KeyEventLogFile, KeyEventTimeStamp, KeyEventPreciseTimeStamp, KeyMaxSessionMessages, KeyRequiredAuthMethods, KeyActiveIPVersion,
			KeyRuntimeDir, KeyRingKeyFile, KeyHTTPStatus:
			continue // off by default, shown with an example
		}
		if got, want := d.value(&on.Options), d.value(&defaults); got != want && !d.timer {
			t.Errorf("%s = %s in the sample, the default is %s", d.key, got, want)
		}
	}
	if on.Options.Timers != LANTimers() {
		t.Errorf("timers %+v", on.Options.Timers)
	}
	// The examples within the remarks.
	examples := strings.Join(regexp.MustCompile(`(?m)^#\t(.*)$`).FindAllString(text, -1), "\n")
	examples = strings.ReplaceAll(examples, "#\tspread -c FILE", "")
	examples = regexp.MustCompile(`(?m)^#\t`).ReplaceAllString(examples, "")
	v4, v6, ok := strings.Cut(examples, "Spread_Segment [")
	if !ok || len(parse(t, v4).Segments) != 2 || len(parse(t, "Spread_Segment ["+v6).Segments) != 1 {
		t.Errorf("the examples:\n%s", examples)
	}
}

// TestReferenceExample: the example at the top of the reference.
func TestReferenceExample(t *testing.T) {
	_, rest, _ := strings.Cut(readDoc(t, "spread.conf.md"), "## In short\n\n```\n")
	example, _, ok := strings.Cut(rest, "```")
	if c := parse(t, example); !ok || len(c.Daemons()) != 3 || len(c.Warnings) > 0 {
		t.Errorf("%+v", c)
	}
}
