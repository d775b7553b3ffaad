package console_test

import (
	"fmt"
	"testing"
	"time"

	"gospread/spread/internal/console/consoletest"
	"gospread/spread/internal/status"
)

const figure = `[...document.querySelectorAll('#figures div')].map((d) => d.firstChild.textContent + '=' + d.lastChild.textContent)`

func TestContent(t *testing.T) {
	p := open(t, consoletest.Options{Daemons: 4, Segments: 2, Groups: 7, Sessions: 5}, desktop)
	p.wait(figure + `.join().includes('/s')`)
	for _, want := range []string{"Members=4 of 4", "State=operational", "Leader=earth", "Clients=5", "Groups=7"} {
		p.wait(fmt.Sprintf("%s.includes(%q)", figure, want))
	}
	p.equal(`document.querySelector('.view-of').textContent`, "What earth sees. While the ring is parted, daemons of other parts see something else.")
	p.equal(`document.title`, "earth: 4 of 4, operational")
	p.equal(`String([...document.querySelectorAll('.daemon')].map((d) => d.getAttribute('class')).join('; '))`,
		"daemon member leader self; daemon member; daemon member; daemon member")
	p.equal(`String(document.querySelectorAll('.track').length)`, "2")
	p.equal(`document.querySelectorAll('.daemon')[0].getAttribute('aria-label')`, "earth: member, leader, this daemon, segment 0, round trip none")
	p.wait(`/^mars: member, segment 0, round trip [\d.]+\u202fµs$/.test(document.querySelectorAll('.daemon')[1].getAttribute('aria-label'))`)
	p.equal(`String(document.querySelectorAll('#plots figure').length)`, "6")
	p.equal(`document.getElementById('groups-count').textContent`, "7")
	p.wait(`document.querySelectorAll('#daemons-table tbody tr').length === 4 && document.querySelectorAll('#sessions-table tbody tr').length === 5`)
	p.wait(`document.querySelector('#views-table tbody').innerText.includes('start')`)
	p.equal(`String(document.getElementById('attention').hidden)`, "true")
	// Exact values are there for who wants them.
	p.wait(`/^[\d\u202f]+ since start$/.test([...document.querySelectorAll('#figures dd')][6].title)`)
	p.run(`document.querySelector('#counters summary').click()`)
	p.wait(`document.getElementById('counters-tables').innerText.includes('Retransmissions sent')`)
}

func TestViewChangeWhileWatching(t *testing.T) {
	p := open(t, consoletest.Options{Daemons: 5, Every: 200 * time.Millisecond}, desktop)
	p.equal(`document.getElementById('said').textContent.includes('New view') ? 'spoken' : 'silent'`, "silent")
	p.fake.Leave("venus fell silent", "venus")
	p.wait(`document.querySelectorAll('.daemon')[2].classList.contains('absent') || document.querySelectorAll('.daemon')[2].classList.contains('heard')`)
	p.wait(figure + `.includes('Members=4 of 5')`)
	p.wait(`document.getElementById('said').textContent.includes('New view: 4 of 5 daemons. Left: venus.')`)
	p.wait(`document.getElementById('ring-desc').textContent.startsWith('4 of 5 daemons are members of the present view. Not members: venus.')`)
	p.wait(`document.querySelector('#views-table tbody tr').innerText.includes('venus fell silent')`)
	p.equal(`document.querySelector('#views-table .sign').textContent + document.querySelector('#views-table td .name').textContent`, "−venus")
	p.wait(`document.getElementById('attention-list').textContent.includes('venus')`)
	p.wait(`document.querySelectorAll('.plot .change').length >= 6`) // in each plot
	p.fake.Join("a part was found", "venus")
	p.wait(`document.querySelectorAll('.daemon')[2].classList.contains('member')`)
	p.wait(figure + `.includes('Members=5 of 5')`)
	p.wait(`document.getElementById('said').textContent.includes('Joined: venus.')`)
	p.wait(`document.getElementById('attention').hidden`)
}

func TestPartitionAndMismatch(t *testing.T) {
	p := open(t, consoletest.Options{Daemons: 3}, desktop)
	p.fake.Leave("a monitor parted the ring", "mars", "venus")
	p.fake.Change(func(r *status.Report) {
		r.Membership.Partition = 2
		r.Membership.State = "gathering"
		r.Daemons[1].Mismatch = true
		r.Daemons[2].Heard = -1
		r.Daemon.DangerousMonitor = true
		r.Omitted = []string{"members beyond 1000 of big"}
	})
	for _, want := range []string{
		"A monitor has put this daemon into part 2", "this daemon is gathering", "another configuration than this one: mars", "absent: venus",
		"DangerousMonitor is on", "Not shown: members beyond 1000 of big",
	} {
		p.wait(fmt.Sprintf(`document.getElementById('attention-list').textContent.includes(%q)`, want))
	}
	p.wait(`document.querySelectorAll('.daemon')[1].classList.contains('mismatch')`)
	p.equal(`document.querySelectorAll('.daemon')[2].getAttribute('class')`, "daemon absent")
	p.wait(`document.querySelector('.token').classList.contains('changing')`)
}

func TestSlowClient(t *testing.T) {
	p := open(t, consoletest.Options{Sessions: 30}, desktop)
	p.fake.Stall("#client13#earth", true)
	p.wait(`document.querySelector('#sessions-table tbody tr').innerText.startsWith('#client13#earth') && document.querySelector('#sessions-table .badge').textContent === 'slow'`)
	p.wait(`parseFloat(document.querySelector('#sessions-table .bar i').style.width) > 2`)
	p.wait(`document.getElementById('attention-list').textContent.includes('#client13#earth has taken nothing for')`)
	p.fake.CutOff("#client13#earth")
	p.wait(`document.querySelector('#closed-table tbody tr').innerText.replace(/\s+/g, ' ').includes('#client13#earth slow cut off')`)
	p.wait(`!document.getElementById('sessions-table').innerText.includes('#client13#earth')`)
	p.run(`document.querySelector('#closed-table .open').click()`)
	p.wait(`document.querySelector('#closed-table .detail').innerText.includes('more than MaxSessionBytes waited for it')`)
}

func TestStreamDiesAndComesBack(t *testing.T) {
	p := open(t, consoletest.Options{}, desktop)
	p.expectOffline()
	p.equal(`document.getElementById('state').textContent`, "Live")
	p.fake.Refuse(true)
	tries := p.fake.Opened()
	p.fake.Cut()
	p.wait(`document.getElementById('state').textContent === 'Not live' && !document.getElementById('stale').hidden`)
	p.wait(`document.body.classList.contains('is-stale')`)
	p.wait(`/is lost\. What is shown is .* old, of .*: (next try in \d+ s|trying now)\./.test(document.getElementById('stale-text').textContent)`)
	// It tries again and again, less and less often.
	p.wait(`/next try in [3-9] s/.test(document.getElementById('stale-text').textContent)`)
	if again := p.fake.Opened() - tries; again < 2 || again > 6 {
		t.Errorf("%d tries until it waited for 3 s", again)
	}
	p.equal(`String(document.querySelectorAll('#said p').length)`, "2") // connected, not connected: not each try
	p.fake.Refuse(false)
	p.run(`document.getElementById('retry').click()`)
	p.wait(`document.getElementById('state').textContent === 'Live' && document.getElementById('stale').hidden && !document.body.classList.contains('is-stale')`)
	// A stream that says nothing is not live either.
	p.fake.Silence(true)
	p.wait(`document.getElementById('state').textContent === 'Not live' && document.getElementById('stale-text').textContent.includes('nothing comes')`)
	p.fake.Silence(false)
	p.wait(`document.getElementById('state').textContent === 'Live'`)
}

// A page that is opened while the daemon does not answer says so, and recovers by
// itself.
func TestNoDaemon(t *testing.T) {
	p := blank(t, consoletest.Options{}, desktop)
	p.expectOffline()
	p.fake.Refuse(true)
	p.visit()
	p.wait(`document.getElementById('stale-text').textContent.startsWith('The daemon does not answer. ')`)
	p.fake.Refuse(false)
	p.wait(`document.body.dataset.ready === 'all' && document.getElementById('stale').hidden`)
}

func TestRestartedDaemon(t *testing.T) {
	p := open(t, consoletest.Options{}, desktop)
	p.wait(`document.querySelector('.plot path.line1').getAttribute('d').length > 50`)
	p.fake.Restart()
	p.wait(`document.getElementById('said').textContent.includes('was restarted')`)
	// Counters that went back are a gap in the line, and no spike into the depths.
	p.wait(`document.querySelector('.plot path.line1').getAttribute('d').split('M').length === 3`)
	p.equal(`String([...document.querySelector('.plot path.line1').getAttribute('d').matchAll(/ ([\d.-]+)(?= [ML]|$)/g)].some((m) => Number(m[1]) < 0 || Number(m[1]) > 400))`, "false")
	p.fake.Change(func(r *status.Report) { r.Daemon.Version = "2.0.0" })
	p.wait(`!document.getElementById('replaced').hidden`)
}

func TestPause(t *testing.T) {
	p := open(t, consoletest.Options{}, desktop)
	p.run(`document.getElementById('pause').click()`)
	p.equal(`document.getElementById('state').textContent`, "Paused")
	p.run(`window.drawn = 0, new MutationObserver(() => window.drawn++).observe(document.getElementById('plots'), { subtree: true, childList: true })`)
	opened := p.text(`document.getElementById('said').textContent`)
	p.fake.Leave("mars fell silent", "mars")
	p.wait(`document.getElementById('said').textContent !== ` + fmt.Sprintf("%q", opened))
	p.run(`new Promise((done) => { let n = 0; const frame = () => ++n < 20 ? requestAnimationFrame(frame) : done(); frame(); })`)
	p.equal(`String(window.drawn)`, "0")
	p.equal(`document.querySelectorAll('.daemon')[1].getAttribute('class')`, "daemon member")
	p.run(`document.getElementById('pause').click()`)
	p.wait(`!document.querySelectorAll('.daemon')[1].classList.contains('member') && window.drawn > 0`)
}

// What is not understood is not shown, and does not end the page.
func TestOddDocuments(t *testing.T) {
	p := open(t, consoletest.Options{}, desktop)
	p.fake.Garble(true)
	p.wait(`document.getElementById('state').textContent === 'Not live'`)
	p.equal(`document.querySelectorAll('#figures dd')[0].textContent`, "5 of 5")
	p.fake.Garble(false)
	p.wait(`document.getElementById('state').textContent === 'Live'`)
	p.fake.Change(func(r *status.Report) {
		r.Groups, r.Sessions, r.Closed, r.Views, r.Membership.Members, r.Clients.Slowest, r.Ring.Delivery.Buckets = nil, nil, nil, nil, nil, nil, nil
		r.Membership.State, r.Membership.Leader, r.Membership.ID = "gathering", "", ""
	})
	p.wait(`document.querySelector('#groups-table .note').textContent === 'No group has members.' && document.querySelectorAll('#figures dd')[0].textContent === '0 of 5'`)
	p.fake.Change(func(r *status.Report) { r.Schema = 2 })
	p.wait(`!document.getElementById('replaced').hidden`)
}
