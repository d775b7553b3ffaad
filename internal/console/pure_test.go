package console_test

import (
	"fmt"
	"strings"
	"testing"

	"gospread/spread/internal/console/consoletest"
)

// The functions without a page, in the browser that they are for.
func TestFormat(t *testing.T) {
	p := open(t, consoletest.Options{}, desktop)
	for _, c := range []struct{ call, want string }{
		{`count(0)`, "0"}, {`count(999)`, "999"}, {`count(1234)`, "1 234"}, {`count(9999)`, "9 999"}, {`count(12345)`, "12.3 k"}, {`count(999949)`, "1 M"},
		{`count(1e9)`, "1 G"}, {`count(18446744073709551615)`, "18.4 E"}, {`count(NaN)`, "–"},
		{`bytes(0)`, "0 B"}, {`bytes(1500)`, "1.5 kB"}, {`bytes(67108864)`, "67.1 MB"},
		{`rate(NaN)`, "–"}, {`rate(undefined)`, "–"}, {`rate(0)`, "0/s"}, {`rate(0.25)`, "0.25/s"}, {`rate(1e-9)`, "0/s"}, {`rate(12345)`, "12.3 k/s"}, {`byteRate(2.5e6)`, "2.5 MB/s"},
		{`seconds(0)`, "0 s"}, {`seconds(0.000212)`, "212 µs"}, {`seconds(0.00345)`, "3.45 ms"}, {`seconds(1.5)`, "1.5 s"}, {`seconds(0.9999)`, "1 s"}, {`seconds(NaN)`, "–"}, {`seconds(-1e-6)`, "-1 µs"},
		{`span(0)`, "0 s"}, {`span(3.21)`, "3.2 s"}, {`span(59.7)`, "1 min"}, {`span(200)`, "3 min 20 s"}, {`span(18720)`, "5 h 12 min"}, {`span(792000)`, "9 d 4 h"}, {`span(-5)`, "0 s"}, {`span(Infinity)`, "–"},
		{`exact(1234567)`, "1 234 567"}, {`exact(0.000212)`, "0.000212"}, {`exact(-1234)`, "-1 234"},
		{`String(moment('0001-01-01T00:00:00Z'))`, "NaN"}, {`String(moment(undefined))`, "NaN"}, {`String(moment('2026-01-02T03:04:05.678901234Z'))`, "1767323045678"},
		{`visible('plain text')`, "plain text"}, {`visible('a\u0000b')`, `a\x00b`}, {`visible('\ud800x')`, `\ud800x`}, {`visible('a\u{e0041}')`, `a\u{e0041}`}, {`visible(undefined)`, ""},
		{`visible('\u05d0')`, "\u2068\u05d0\u2069"},
		{`cut('abcdef', 4)`, "abc…"}, {`cut('abcd', 4)`, "abcd"}, {`cut('😀😀😀', 2)`, "😀…"},
		{`plural(1, 'client')`, "1 client"}, {`plural(2, 'client')`, "2 clients"},
	} {
		got := p.text(fmt.Sprintf(`import('/console/format.js').then((f) => { const { count, bytes, rate, byteRate, seconds, span, exact, moment, visible, cut, plural } = f; return %s; })`, c.call))
		if got = strings.ReplaceAll(got, "\u202f", " "); got != c.want {
			t.Errorf("%s is %q, want %q", c.call, got, c.want)
		}
	}
}

func TestAxis(t *testing.T) {
	p := open(t, consoletest.Options{}, desktop)
	for max, want := range map[string]string{"0": "0,1", "3": "0,1,2,3", "10": "0,5,10", "9500": "0,5000,10000", "0.0007": "0,0.00025,0.0005,0.00075", "61": "0,25,50,75", "NaN": "0,1"} {
		p.equal(fmt.Sprintf(`import('/console/plot.js').then((m) => String(m.steps(%s)))`, max), want)
	}
}

// Rates and percentiles are those of the step between two summaries.
func TestHistory(t *testing.T) {
	p := open(t, consoletest.Options{}, desktop)
	got := p.text(`import('/console/history.js').then(({ History, quantile }) => {
		const at = (second, n, started = 'a') => ({
			time: new Date(1e12 + second * 1000).toISOString(), daemon: { started },
			clients: { messages_in: n, messages_out: 2 * n, bytes_in: n, bytes_out: n, queued_bytes: 7 },
			ring: { retransmissions: 0, retransmission_requests: 0, backlog_bytes: 0,
				delivery: { count: n, buckets: [{ le_seconds: 0.001, count: n / 2 }, { le_seconds: 0.002, count: n }], max_seconds: 0.01 }, token_rotation: { count: 0 } },
		});
		const h = new History();
		const seen = [];
		const step = (...s) => { h.add(at(...s)); const p = h.latest; seen.push(p ? p.gap ? 'gap' : [p.messagesIn, p.messagesOut, p.queuedBytes, p.delivery50, p.delivery99?.toFixed(5), p.rotation50].join() : 'none'); };
		step(0, 1000);          // the first says nothing
		step(2, 3000);
		step(2, 3000);          // the same again is nothing new
		step(3, 3000);          // nothing delivered
		step(4, 10);            // counters went back
		step(5, 110);
		step(6, 200, 'b');      // another daemon
		step(40, 900, 'b');     // too long ago
		seen.push(h.points.length, h.restarts.length);
		step(10, 950, 'b');     // its clock went back
		seen.push(h.points.length);
		step(11, 960, 'b');
		for (let i = 0; i < 1000; i++) h.add(at(12 + i, 1000 + i, 'b'));
		seen.push(h.points.length);
		const none = quantile(0.5, { count: 0, buckets: [] }, { count: 0, buckets: [] });
		const beyond = quantile(0.99, { count: 10, buckets: [{ le_seconds: 1, count: 0 }], max_seconds: 4 }, { count: 0, buckets: [{ le_seconds: 1, count: 0 }] });
		return seen.join(' | ') + ' | ' + none + ' ' + beyond;
	})`)
	want := "none | 1000,2000,7,0.001,0.00198, | 1000,2000,7,0.001,0.00198, | 0,0,7,NaN,NaN, | gap | 100,200,7,0.001,0.00198, | gap | gap | 6 | 2 | none | 0 | 10,20,7,0.001,0.00198, | 301 | NaN 4"
	if got != want {
		t.Errorf("is   %s\nwant %s", got, want)
	}
}
