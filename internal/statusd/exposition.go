package statusd

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// exposition is the metrics in the text format of Prometheus, version 0.0.4.
func exposition(s *sample) []byte {
	var w writer
	for i := range metrics {
		m := &metrics[i]
		w.name, w.begun = m.name, false
		w.head = "# HELP " + m.name + " " + helpEscapes.Replace(m.help) + "\n# TYPE " + m.name + " " + m.kind + "\n"
		m.write(&w, s)
	}
	return w.b.Bytes()
}

// writer writes the samples of one family after the other.
type writer struct {
	b          bytes.Buffer
	name, head string
	begun      bool
}

// put writes a sample; labels are names and values in turn. A family without samples
// is left out as a whole.
func (w *writer) put(v float64, labels ...string) { w.sample("", v, labels) }

// bucket writes a bucket of a histogram, from the lowest on.
func (w *writer) bucket(le float64, n uint64) {
	w.sample("_bucket", float64(n), []string{"le", number(le)})
}

// sum ends a histogram.
func (w *writer) sum(sum float64, count uint64) {
	w.sample("_bucket", float64(count), []string{"le", "+Inf"})
	w.sample("_sum", sum, nil)
	w.sample("_count", float64(count), nil)
}

func (w *writer) sample(suffix string, v float64, labels []string) {
	if !w.begun {
		w.begun = true
		w.b.WriteString(w.head)
	}
	w.b.WriteString(w.name + suffix)
	for i := 0; i+1 < len(labels); i += 2 {
		sep := ","
		if i == 0 {
			sep = "{"
		}
		w.b.WriteString(sep + labels[i] + `="` + labelEscapes.Replace(strings.ToValidUTF8(labels[i+1], "?")) + `"`)
	}
	if len(labels) > 0 {
		w.b.WriteByte('}')
	}
	w.b.WriteString(" " + number(v) + "\n")
}

var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// number writes whole numbers as such.
func number(v float64) string {
	if v == float64(int64(v)) && v < 1<<53 && v > -1<<53 {
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// seconds is a time in seconds since 1970, 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
