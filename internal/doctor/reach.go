package doctor

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/echo"
)

// From which loss, difference of clocks and round trip on a finding is a warning or
// a problem.
const (
	lossWarning  = 0.05
	lossProblem  = 0.30
	clockWarning = 2 * time.Second
	clockProblem = 5 * time.Minute // tools of a sealed ring are refused from then on
	slowTrip     = 200 * time.Millisecond
)

// judge turns what the doctors found into findings.
func (e *examination) judge(results []echo.Result, main, spare Carrier) {
	byID := map[uint32]*echo.Result{}
	for i := range results {
		byID[results[i].ID] = &results[i]
	}
	size := 0
	for _, c := range []Carrier{main, spare} {
		if c != nil && size == 0 {
			size = c.MaxDatagram()
		}
	}
	for i := range e.all {
		if r := byID[e.all[i].ID]; r != nil {
			e.judgePeer(&e.all[i], r, results, size)
		}
	}
	e.Matrix = e.matrix(byID)
}

func (e *examination) judgePeer(d *conf.Daemon, r *echo.Result, all []echo.Result, size int) {
	e.strange(d, r)
	if !r.Heard {
		if r.Refusal == nil {
			e.notHeard(d, r, all)
		}
		return
	}
	e.sameFile(d, r)
	if !e.answered(d, r) {
		return
	}
	e.toAll(d, r)
	e.sizes(d, r, size)
	e.clock(d, r)
}

// strange judges what should not have come.
func (e *examination) strange(d *conf.Daemon, r *echo.Result) {
	if r.Refusal != nil {
		means := "the daemons there and here refuse each other's packets"
		if errors.Is(r.Refusal, echo.ErrDamaged) {
			means = "something on the way changes packets"
		}
		e.on("network.key", d.Name).problem("datagrams of its doctor arrive and are not accepted: "+r.Refusal.Error(), means,
			"give all machines the same RingKeyFile: compare sha256sum of it, and its line in the configurations")
	}
	if r.Misnamed != 0 {
		e.on("network.address", d.Name).problem(fmt.Sprintf("from its address come datagrams of the doctor of %s", e.nameOf(r.Misnamed)),
			"the files of the two machines disagree about who has which address", "compare the files of both machines")
	}
	if r.Elsewhere.IsValid() && !r.Heard {
		e.on("network.address", d.Name).problem(fmt.Sprintf("its datagrams come from %s, which is not its address in the file", r.Elsewhere),
			"daemons take packets from the addresses of the file only; something translates the address (NAT), or that machine sends from another interface",
			fmt.Sprintf("write %s for %s in the files, or bind that machine's traffic to %s", r.Elsewhere.Addr(), d.Name, d.Addr))
	}
}

// notHeard explains silence as far as there is evidence.
func (e *examination) notHeard(d *conf.Daemon, r *echo.Result, all []echo.Result) {
	s := e.on("network.heard", d.Name)
	firewall := fmt.Sprintf("let UDP ports %d and %d in, on both machines (nft list ruleset shows what is dropped); see that %s is the address of %s",
		d.Port, d.Port+1, d.Addr, d.Name)
	for i := range all {
		if row, ok := all[i].Rows[d.ID]; ok && all[i].Heard && row.Heards() > 0 {
			s.problem(fmt.Sprintf("its doctor runs, as %s hears it, but nothing of it arrives here", e.nameOf(all[i].ID)),
				"the daemons form no ring, or a smaller one", firewall)
			return
		}
	}
	run := "run there, at the same time: " + e.command(d.ID)
	state := e.dialed[d.Index].State
	switch {
	case r.Elsewhere.IsValid(), r.Misnamed != 0:
	case state == Daemon:
		s.warning("a daemon runs there, and no doctor was heard: packets were not tested", "nothing, as long as the daemons see each other", run)
	case r.NobodyThere || state == Closed:
		s.warning("its machine answers, and neither a daemon nor a doctor runs there", "whether packets get there is not known", run)
	default:
		s.warning("nothing was heard, neither a doctor nor a daemon",
			"no doctor runs there, or the machine or the network between is down, or a firewall drops packets from there", run+"; if one was running: "+firewall)
	}
}

// sameFile compares configurations.
func (e *examination) sameFile(d *conf.Daemon, r *echo.Result) {
	s := e.on("network.configuration", d.Name)
	for _, row := range r.Rows {
		mine := slices.IndexFunc(e.all, func(o conf.Daemon) bool { return o.ID == row.Daemon })
		if mine < 0 || bare(row.Addr.Addr()) == bare(e.all[mine].Addr) && row.Addr.Port() == e.all[mine].Port {
			continue
		}
		o := e.all[mine]
		s.problem(fmt.Sprintf("%s is at %s for it, and at %s:%d here", o.Name, row.Addr, o.Addr, o.Port), "the two have different configurations and form no ring",
			fmt.Sprintf("use the same file on both; if it names %s without an address, write the address", o.Name))
		return
	}
	switch {
	case r.Hash != e.cfg.Hash():
		s.problem(fmt.Sprintf("its configuration has the hash %d, the one here %d", r.Hash, e.cfg.Hash()), "daemons with different configurations form no ring",
			"use the same file on both; spread --check -c FILE shows on each what it means")
	case r.SegAddrs != segAddrs(e.cfg):
		s.warning("its configuration has other segment addresses; ExcludeSegAddrsFromHash hides that from the daemons",
			"what one sends to all in the segment may not reach the other", "use the same segment addresses, if the machines are in one network")
	default:
		s.ok("it has the same configuration")
	}
}

// answered judges the way there and back; false if nothing comes back.
func (e *examination) answered(d *conf.Daemon, r *echo.Result) bool {
	s := e.on("network.unicast", d.Name)
	data, okData := r.Loss(echo.Data)
	token, okToken := r.Loss(echo.Token)
	ports := fmt.Sprintf("let UDP ports %d and %d in, on both machines (nft list ruleset shows what is dropped)", d.Port, d.Port+1)
	mine, told := r.Rows[e.self.ID]
	switch {
	case !okData || !okToken:
		s.warning("it was heard only at the end: the way there was not measured", "nothing is known of it", "run both doctors again, at the same time")
		return false
	case data == 1 && token == 1 && told && mine.Heards() == 0:
		s.problem("it is heard, and does not hear this machine", "the link works in one direction only: the two form no ring together",
			fmt.Sprintf("on %s, look for a firewall that drops UDP from %s; then for a route or address that is wrong; %s", d.Name, e.self.Addr, ports))
		return false
	case data == 1 && token == 1:
		s.problem("it is heard, and answers nothing", "the link works in one direction only: the two form no ring together", ports)
		return false
	case data == 1:
		s.problem(fmt.Sprintf("nothing gets through by port %d, and by port %d it does", d.Port, d.Port+1), "data does not get through", ports)
	case token == 1:
		s.problem(fmt.Sprintf("nothing gets through by port %d, and by port %d it does", d.Port+1, d.Port), "the token does not get through: no ring is formed", ports)
	case max(data, token) >= lossProblem:
		s.problem(fmt.Sprintf("%.0f %% of the packets there or back are lost", 100*max(data, token)), "the ring is slow and breaks up now and then", lossRemedy)
	case max(data, token) >= lossWarning:
		s.warning(fmt.Sprintf("%.0f %% of the packets there or back are lost", 100*max(data, token)), "packets are sent again, which takes time", lossRemedy)
	case r.Best > slowTrip:
		s.warning("a packet there and back takes "+trip(r), "the ring is as slow as its longest way", "set WideAreaNetwork, or the timers, for such a way")
	default:
		s.ok("packets get there and back in %s", trip(r))
	}
	return true
}

const lossRemedy = "look at the counters of interface and switch (ip -s link), for a wrong duplex mode, or a limit of a virtual network"

func trip(r *echo.Result) string {
	return fmt.Sprintf("%v (on average %v)", r.Best.Round(time.Microsecond), r.Mean.Round(time.Microsecond))
}

// toAll judges what is sent to the whole segment at once.
func (e *examination) toAll(d *conf.Daemon, r *echo.Result) {
	loss, ok := r.Loss(echo.All)
	if d.Segment != e.self.Segment || !ok || len(e.cfg.Segments[d.Segment].Daemons) < 2 {
		return
	}
	s := e.on("network.multicast", d.Name)
	heard := r.Probes[echo.All] + r.Probes[echo.SpareAll]
	remedy := "on the switch, disable IGMP snooping or give it a querier; on the machines, let the group in and see its route (ip route get ADDRESS); " +
		"or give each daemon a segment of its own, which sends a copy to each"
	const means = "data that is sent to all does not arrive, and the ring has to send it again or breaks up"
	mine := r.Rows[e.self.ID]
	theyHear := int(mine.Heard[echo.All]) + int(mine.Heard[echo.SpareAll])
	switch {
	case loss == 1 && heard == 0:
		s.problem("what either sends to the segment address does not reach the other", means, remedy)
	case loss == 1 && theyHear == 0:
		s.problem("what this machine sends to the segment address does not get there", means, remedy)
	case heard == 0:
		s.problem("what it sends to the segment address does not arrive here", means, remedy)
	case loss >= lossProblem:
		s.problem(fmt.Sprintf("%.0f %% of what is sent to the segment address is lost", 100*loss), means, remedy)
	case loss >= lossWarning:
		s.warning(fmt.Sprintf("%.0f %% of what is sent to the segment address is lost", 100*loss), "packets are sent again, which takes time", lossRemedy)
	default:
		s.ok("what is sent to the segment address arrives, there and here")
	}
}

// sizes judges which datagrams come back; size is what the daemon will send.
func (e *examination) sizes(d *conf.Daemon, r *echo.Result, size int) {
	s := e.on("network.size", d.Name)
	best, lost := 0, 0
	for _, z := range r.Sizes {
		if z.Answered > 0 {
			best = max(best, z.Bytes)
		} else if z.Sent > 0 && lost == 0 {
			lost = z.Bytes
		}
	}
	switch {
	case lost > 0 && lost <= size:
		mtu := 1500
		if lost < mtu {
			mtu = 1280
		}
		dev := "the interface"
		if e.own != nil {
			dev = e.own.Name
		}
		s.problem(fmt.Sprintf("datagrams of %d bytes do not come back, and the daemon will send up to %d", lost, size),
			"the ring forms and stops as soon as there is something to send: a part of the way has a smaller MTU than "+dev+", and does not say so",
			fmt.Sprintf("ip link set dev %s mtu %d, on all machines, or raise the MTU of what is between them", dev, mtu))
	case lost > 0:
		s.ok("datagrams of %d bytes come back, as many as the daemon sends; of %d bytes do not", max(best, size), lost)
	case best > 0:
		s.ok("datagrams of all sizes come back, up to %d bytes", best)
	}
}

// clock compares the clocks.
func (e *examination) clock(d *conf.Daemon, r *echo.Result) {
	if r.Best == 0 {
		return
	}
	s := e.on("network.clock", d.Name)
	by, word := r.Ahead, "ahead of"
	if by < 0 {
		by, word = -by, "behind"
	}
	found := fmt.Sprintf("its clock is %v %s the one here", by.Round(time.Millisecond), word)
	const remedy = "let both machines follow the same time server: timedatectl set-ntp true, or chrony"
	switch {
	case by >= clockProblem && e.cfg.Options.RingKeyFile != "":
		s.problem(found, "in a sealed ring, tools of one machine are refused by the daemon of the other from 5 minutes on", remedy)
	case by >= clockWarning:
		s.warning(found, "the ring does not mind, but logs cannot be compared, and tools of a sealed ring are refused from 5 minutes on", remedy)
	default:
		s.ok("the clocks agree, to %v", max(by, r.Best/2).Round(time.Microsecond))
	}
}

// matrix is who hears whom, as far as doctors were heard.
func (e *examination) matrix(byID map[uint32]*echo.Result) *Matrix {
	m := &Matrix{}
	for _, of := range e.all {
		m.Daemons = append(m.Daemons, of.Name)
		var line []string
		for _, from := range e.all {
			cell := e.cell(byID, of.ID, from.ID)
			if cell == "unicast" && of.Segment != from.Segment {
				cell = "ok"
			}
			line = append(line, cell)
		}
		m.Heard = append(m.Heard, line)
	}
	return m
}

func (e *examination) cell(byID map[uint32]*echo.Result, of, from uint32) string {
	switch r := byID[of]; {
	case of == from:
		return "self"
	case of == e.self.ID:
		var heard [echo.Ways]uint16
		for w, n := range byID[from].Probes {
			heard[w] = uint16(min(n, 1<<16-1))
		}
		if how := hearing(heard); how != "nothing" || e.runs(byID, from) {
			return how
		}
		return "unknown" // there may be nobody who could be heard
	case r == nil || !r.Heard:
		return "unknown"
	default:
		row, ok := r.Rows[from]
		if !ok {
			return "unknown"
		}
		return hearing(row.Heard)
	}
}

// runs tells whether a third doctor hears that of a daemon.
func (e *examination) runs(byID map[uint32]*echo.Result, daemon uint32) bool {
	for id, r := range byID {
		if row, ok := r.Rows[daemon]; ok && id != daemon && r.Heard && row.Heards() > 0 {
			return true
		}
	}
	return false
}

func hearing(n [echo.Ways]uint16) string {
	all := n[echo.All] > 0 || n[echo.SpareAll] > 0
	unicast := n[echo.Data] > 0 || n[echo.Token] > 0 || n[echo.SpareData] > 0 || n[echo.SpareToken] > 0
	switch {
	case all && unicast:
		return "ok"
	case unicast:
		return "unicast"
	case all:
		return "all"
	}
	return "nothing"
}
