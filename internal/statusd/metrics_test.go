package statusd

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gospread/spread/internal/status"
)

func sampleOf(f *fake) *sample {
	return &sample{&f.s.Summary, true, []string{"stalled", "client disconnected"}}
}

var sampleLine = regexp.MustCompile(`^([a-z_]+)(\{[a-z]+="(?:[^"\\\n]|\\[\\n"])*"(?:,[a-z]+="(?:[^"\\\n]|\\[\\n"])*")*\})? (\S+)$`)

// family is what a scrape has of one metric.
type family struct {
	kind, help string
	samples    map[string]float64 // by name and labels
	order      []string
}

// scrape takes an exposition apart, and complains of all that is not as it should be.
func scrape(t *testing.T, text []byte) map[string]*family {
	t.Helper()
	families := make(map[string]*family)
	var f *family
	var name string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if head, ok := strings.CutPrefix(line, "# HELP "); ok {
			var help string
			name, help, _ = strings.Cut(head, " ")
			if families[name] != nil {
				t.Errorf("%s is there twice", name)
			}
			f = &family{help: help, samples: make(map[string]float64)}
			families[name] = f
			continue
		}
		if head, ok := strings.CutPrefix(line, "# TYPE "+name+" "); ok {
			f.kind = head
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("no sample: %q", line)
			continue
		}
		v, err := strconv.ParseFloat(m[3], 64)
		base := m[1]
		if f.kind == histogram {
			base = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(base, "_bucket"), "_sum"), "_count")
		}
		if _, twice := f.samples[m[1]+m[2]]; err != nil || base != name || f.kind == "" || twice {
			t.Errorf("under %s: %q", name, line)
		}
		f.samples[m[1]+m[2]] = v
		f.order = append(f.order, m[1]+m[2])
	}
	return families
}

func TestExposition(t *testing.T) {
	got := scrape(t, exposition(sampleOf(full())))
	for name, want := range map[string]float64{
		`spread_config_info{hash="4294967295"}`:                     1,
		`spread_membership_state{state="operational"}`:              1,
		`spread_membership_state{state="forming"}`:                  0,
		`spread_group_state{state="gathering"}`:                     1,
		`spread_ready`:                                              1,
		`spread_membership_leader`:                                  1,
		`spread_membership_start_time_seconds`:                      1000000000.5,
		`spread_daemon_round_trip_seconds{daemon="mars"}`:           0.0005,
		`spread_daemon_config_mismatch{daemon="pluto"}`:             1,
		`spread_sessions_ended_total{reason="stalled"}`:             4,
		`spread_sessions_ended_total{reason="client disconnected"}`: 0,
		`spread_client_received_messages_total`:                     1 << 60,
		`spread_longest_queue_bytes`:                                9,
		`spread_session_queue_bytes_bucket{le="1024"}`:              1,
		`spread_session_queue_bytes_bucket{le="+Inf"}`:              2,
		`spread_ring_missing_packets`:                               2,
		`spread_ring_unstable_packets`:                              3,
		`spread_ring_delivered_messages_total{service="safe"}`:      5,
		`spread_ring_rejected_datagrams_total{reason="stale"}`:      2,
		`spread_network_dropped_datagrams_total{reason="overflow"}`: 6,
		`spread_token_rotation_seconds_bucket{le="1e-05"}`:          0,
		`spread_token_rotation_seconds_bucket{le="0.5"}`:            2,
		`spread_token_rotation_seconds_bucket{le="+Inf"}`:           3,
		`spread_token_rotation_seconds_sum`:                         1.5,
		`spread_token_rotation_seconds_count`:                       3,
		`process_cpu_seconds_total`:                                 1.25,
		`process_resident_memory_bytes`:                             1 << 20,
	} {
		family := got[regexp.MustCompile(`(_bucket|_sum|_count)?(\{.*)?$`).ReplaceAllString(name, "")]
		if family == nil {
			t.Errorf("no %s", name)
		} else if v, ok := family.samples[name]; !ok || v != want {
			t.Errorf("%s: %v, want %v; there are %v", name, v, want, family.order)
		}
	}
	if !strings.Contains(string(exposition(sampleOf(full()))), `version="1.2\n\"x\\"`) {
		t.Error("labels are not escaped")
	}
	for _, absent := range []string{`spread_daemon_heard_age_seconds{daemon="pluto"}`, `spread_daemon_round_trip_seconds{daemon="earth"}`} {
		for _, f := range got {
			if _, ok := f.samples[absent]; ok {
				t.Errorf("%s is not known, and is there", absent)
			}
		}
	}
}

// Names and units are those of convention; histograms grow from bucket to bucket, and
// their bounds too.
func TestConventions(t *testing.T) {
	for name, f := range scrape(t, exposition(sampleOf(full()))) {
		own := strings.HasPrefix(name, "spread_")
		if f.help == "" || !strings.HasSuffix(f.help, ".") {
			t.Errorf("%s: help %q", name, f.help)
		}
		if (f.kind == counter) != strings.HasSuffix(name, "_total") && own {
			t.Errorf("%s is a %s", name, f.kind)
		}
		if f.kind != histogram {
			continue
		}
		last, bound := -1.0, -1.0
		for _, s := range f.order {
			le, ok := strings.CutPrefix(s, name+`_bucket{le="`)
			if !ok {
				continue
			}
			b, err := strconv.ParseFloat(strings.TrimSuffix(le, `"}`), 64)
			if err != nil || b <= bound || f.samples[s] < last {
				t.Errorf("%s: bucket %s with %v", name, s, f.samples[s])
			}
			last, bound = f.samples[s], b
		}
		if f.samples[name+"_count"] != last {
			t.Errorf("%s: %v in the last bucket, %v in all", name, last, f.samples[name+"_count"])
		}
	}
}

// A source that knows next to nothing is no reason to fail.
func TestEmptyStatus(t *testing.T) {
	f := scrape(t, exposition(&sample{Summary: &status.Summary{}}))
	if f["spread_sessions"] == nil || f["process_open_fds"] != nil || f["spread_daemon_member"] != nil {
		t.Errorf("%v", slices.Sorted(maps.Keys(f)))
	}
}

// promtool runs the tool of Prometheus, which CI has.
func promtool(t *testing.T, in []byte, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed; as root on Debian, scripts/setup.sh does that")
	}
	c := exec.Command(path, args...)
	c.Stdin = bytes.NewReader(in)
	if out, err := c.CombinedOutput(); err != nil || bytes.Contains(out, []byte("no help text")) {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}

func TestPromtool(t *testing.T) {
	promtool(t, exposition(sampleOf(full())), "check", "metrics")
	promtool(t, nil, "check", "rules", "../../docs/spread.rules.yml")
}

func readDoc(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The reference has each metric once, with its type and labels, and no others; the
// example rules use no others either.
func TestReference(t *testing.T) {
	want := make(map[string]string)
	exported := scrape(t, exposition(sampleOf(full())))
	for name, f := range exported {
		labels := make(map[string]bool)
		for s := range f.samples {
			for _, l := range regexp.MustCompile(`[{,]([a-z]+)=`).FindAllStringSubmatch(s, -1) {
				if l[1] != "le" {
					labels[l[1]] = true
				}
			}
		}
		want[name] = fmt.Sprintf("%s %s", f.kind, strings.Join(slices.Sorted(maps.Keys(labels)), ", "))
	}
	got := make(map[string]string)
	for line := range strings.Lines(readDoc(t, "status.md")) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		name := strings.Trim(strings.TrimSpace(cells[0]), "`")
		if len(cells) != 4 || !regexp.MustCompile(`^(spread|process|go)_`).MatchString(name) {
			continue
		}
		labels := strings.Split(strings.ReplaceAll(strings.TrimSpace(cells[2]), "`", ""), ", ")
		slices.Sort(labels)
		if got[name] != "" {
			t.Errorf("%s is in the reference twice", name)
		}
		got[name] = strings.TrimSpace(cells[1]) + " " + strings.Join(labels, ", ")
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: the reference has %q, it is %q", name, got[name], want[name])
		}
	}
	for name := range got {
		if want[name] == "" {
			t.Errorf("%s is in the reference only", name)
		}
	}
	for _, name := range regexp.MustCompile(`\b(spread|process|go)_[a-z_]+`).FindAllString(readDoc(t, "spread.rules.yml"), -1) {
		base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		if exported[name] == nil && exported[base] == nil {
			t.Errorf("the rules use %s, which is not exported", name)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/status.json", "/events"} {
		if !strings.Contains(readDoc(t, "status.md"), "`"+path+"`") {
			t.Errorf("%s is not in the reference", path)
		}
	}
}

// The reference has every member of the document.
func TestDocumentReference(t *testing.T) {
	doc := readDoc(t, "status.md")
	seen := make(map[reflect.Type]bool)
	var visit func(reflect.Type)
	visit = func(x reflect.Type) {
		switch x.Kind() {
		case reflect.Slice, reflect.Map:
			visit(x.Elem())
		case reflect.Struct:
			if seen[x] || x.PkgPath() != reflect.TypeFor[status.Report]().PkgPath() {
				return
			}
			seen[x] = true
			for i := range x.NumField() {
				name, _, _ := strings.Cut(x.Field(i).Tag.Get("json"), ",")
				if name != "" && !strings.Contains(doc, "`"+name+"`") {
					t.Errorf("%s.%s: `%s` is not in the reference", x.Name(), x.Field(i).Name, name)
				}
				visit(x.Field(i).Type)
			}
		}
	}
	visit(reflect.TypeFor[status.Report]())
	if len(seen) < 15 {
		t.Errorf("%d types seen", len(seen))
	}
}
