package statusd

import (
	"runtime"

	"gospread/spread/internal/status"
)

// sample is what metrics are made of.
type sample struct {
	*status.Summary
	ready   bool
	reasons []string
}

// metric is a family of metrics.
type metric struct {
	name, kind, help string
	write            func(w *writer, s *sample)
}

const (
	counter   = "counter"
	gauge     = "gauge"
	histogram = "histogram"
)

// metrics are all that is exported, in their order.
var metrics = []metric{
	{"spread_build_info", gauge, "Always 1; the labels tell what runs.", func(w *writer, s *sample) {
		w.put(1, "version", s.Daemon.Version, "goversion", runtime.Version())
	}},
	{"spread_config_info", gauge, "Always 1; the label is the hash of the daemons in force, the same on all daemons of a ring.", func(w *writer, s *sample) {
		w.put(1, "hash", decimal(uint64(s.Daemon.ConfigHash)))
	}},

	{"spread_ready", gauge, "1 while the daemon is in the ring that it should be in, as /readyz.", one(func(s *sample) float64 { return truth(s.ready) })},
	{"spread_membership_state", gauge, "1 for the state of the membership, 0 for the others.",
		oneOf(states, func(s *sample) string { return s.Membership.State })},
	{"spread_group_state", gauge, "1 for the state of the groups, 0 for the others.",
		oneOf(groupStates, func(s *sample) string { return s.Membership.GroupState })},
	{"spread_membership_daemons", gauge, "Daemons in the present membership.", one(func(s *sample) float64 { return float64(len(s.Membership.Members)) })},
	{"spread_configured_daemons", gauge, "Daemons of the configuration.", one(func(s *sample) float64 { return float64(len(s.Daemons)) })},
	{"spread_membership_leader", gauge, "1 on the leader of a membership.", one(func(s *sample) float64 {
		return truth(s.Membership.Leader == s.Daemon.Name)
	})},
	{"spread_membership_start_time_seconds", gauge, "When the present membership was installed, in seconds since 1970; 0: there is none.", one(func(s *sample) float64 {
		return seconds(s.Membership.Since)
	})},
	{"spread_membership_changes_total", counter, "Memberships installed.", count(func(s *sample) uint64 { return s.Membership.Changes })},
	{"spread_membership_gathers_total", counter, "Searches for other daemons begun.", count(func(s *sample) uint64 { return s.Ring.Gathers })},
	{"spread_membership_attempts_total", counter, "Attempts to form a membership.", count(func(s *sample) uint64 { return s.Ring.Attempts })},
	{"spread_daemon_member", gauge, "1 for daemons in the present membership, 0 for the others of the configuration.", perDaemon(func(p *status.Peer) (float64, bool) {
		return truth(p.Member), true
	})},
	{"spread_daemon_round_trip_seconds", gauge, "Measured round trip to a daemon.", perDaemon(func(p *status.Peer) (float64, bool) {
		return p.RoundTrip, p.RoundTrip > 0
	})},
	{"spread_daemon_heard_age_seconds", gauge, "How long ago the last datagram of a daemon came; absent if none has.", perDaemon(func(p *status.Peer) (float64, bool) {
		return p.Heard, p.Heard >= 0
	})},
	{"spread_daemon_config_mismatch", gauge, "1 for daemons that lately had another configuration.", perDaemon(func(p *status.Peer) (float64, bool) {
		return truth(p.Mismatch), true
	})},

	{"spread_sessions", gauge, "Clients connected.", one(func(s *sample) float64 { return float64(s.Clients.Sessions) })},
	{"spread_sessions_limit", gauge, "How many clients may be connected at once.", one(func(s *sample) float64 { return float64(s.Clients.MaxSessions) })},
	{"spread_groups", gauge, "Groups with members, on all daemons of the membership.", one(func(s *sample) float64 { return float64(s.Clients.Groups) })},
	{"spread_sessions_opened_total", counter, "Clients accepted.", count(func(s *sample) uint64 { return s.Clients.Opened })},
	{"spread_sessions_ended_total", counter, "Clients that ended or were refused, by the words of the log.", func(w *writer, s *sample) {
		for _, r := range s.reasons {
			w.put(float64(s.Clients.Ended[r]), "reason", r)
		}
	}},
	{"spread_client_received_messages_total", counter, "Messages from clients.", count(func(s *sample) uint64 { return s.Clients.MessagesIn })},
	{"spread_client_received_bytes_total", counter, "Bytes of messages from clients.", count(func(s *sample) uint64 { return s.Clients.BytesIn })},
	{"spread_client_sent_messages_total", counter, "Messages put into the queues of clients, each for each receiver.", count(func(s *sample) uint64 { return s.Clients.MessagesOut })},
	{"spread_client_sent_bytes_total", counter, "Bytes put into the queues of clients.", count(func(s *sample) uint64 { return s.Clients.BytesOut })},
	{"spread_senders_held_total", counter, "How often a client was held back for a slow receiver of its messages.", count(func(s *sample) uint64 { return s.Clients.Held })},
	{"spread_queued_messages", gauge, "Messages that wait for clients.", one(func(s *sample) float64 { return float64(s.Clients.QueuedMessages) })},
	{"spread_queued_bytes", gauge, "Bytes that wait for clients.", one(func(s *sample) float64 { return float64(s.Clients.QueuedBytes) })},
	{"spread_longest_queue_bytes", gauge, "Bytes that wait for the client for which most does.", one(longestQueue)},
	{"spread_session_queue_bytes", histogram, "Bytes that wait for a client when something has been added for it.", func(w *writer, s *sample) {
		h := &s.Clients.QueueDepth
		for _, b := range h.Buckets {
			w.bucket(float64(b.Le), b.Count)
		}
		w.sum(h.Sum, h.Count)
	}},

	{"spread_ring_sent_packets_total", counter, "Own data packets, sent for the first time.", count(func(s *sample) uint64 { return s.Ring.PacketsSent })},
	{"spread_ring_received_packets_total", counter, "Data packets of other daemons that were new.", count(func(s *sample) uint64 { return s.Ring.PacketsReceived })},
	{"spread_ring_duplicate_packets_total", counter, "Data packets that had been received before.", count(func(s *sample) uint64 { return s.Ring.Duplicates })},
	{"spread_ring_retransmissions_total", counter, "Data packets sent again.", count(func(s *sample) uint64 { return s.Ring.Retransmissions })},
	{"spread_ring_retransmission_requests_total", counter, "Requests for missing packets.", count(func(s *sample) uint64 { return s.Ring.Requests })},
	{"spread_ring_delivered_messages_total", counter, "Messages delivered, once each, by service.", func(w *writer, s *sample) {
		for _, name := range services {
			w.put(float64(s.Ring.Delivered[name]), "service", name)
		}
	}},
	{"spread_ring_delivered_packets_total", counter, "Packets delivered.", count(func(s *sample) uint64 { return s.Ring.Packets })},
	{"spread_ring_tokens_total", counter, "Visits of the token.", count(func(s *sample) uint64 { return s.Ring.Tokens })},
	{"spread_ring_token_wakes_total", counter, "How often the token was asked for.", count(func(s *sample) uint64 { return s.Ring.Wakes })},
	{"spread_ring_window_packets", gauge, "The window in force, for all daemons together.", one(func(s *sample) float64 { return float64(s.Ring.Window) })},
	{"spread_ring_personal_window_packets", gauge, "The window in force for one visit of the token.", one(func(s *sample) float64 { return float64(s.Ring.PersonalWindow) })},
	{"spread_ring_accelerated_window_packets", gauge, "How many packets may follow the token.", one(func(s *sample) float64 { return float64(s.Ring.AcceleratedWindow) })},
	{"spread_ring_missing_packets", gauge, "Packets known to be sent, from the first that is missing here on.", one(func(s *sample) float64 { return float64(s.Ring.High - min(s.Ring.Aru, s.Ring.High)) })},
	{"spread_ring_unstable_packets", gauge, "Packets not yet known to be held by all daemons.", one(func(s *sample) float64 { return float64(s.Ring.High - min(s.Ring.Stable, s.Ring.High)) })},
	{"spread_ring_backlog_bytes", gauge, "Messages of clients that have no place in the order yet.", one(func(s *sample) float64 { return float64(s.Ring.Backlog) })},
	{"spread_ring_rejected_datagrams_total", counter, "Datagrams that were not used, by why.", perReason(rejections, func(s *sample) map[string]uint64 { return s.Ring.Rejected })},
	{"spread_token_rotation_seconds", histogram, "From one visit of the token to the next, while this daemon always wants it.", times(func(s *sample) *status.Histogram { return &s.Ring.TokenRotation })},
	{"spread_token_wait_seconds", histogram, "From when the token is wanted here until it comes.", times(func(s *sample) *status.Histogram { return &s.Ring.TokenWait })},
	{"spread_delivery_latency_seconds", histogram, "From when an own packet gets its place in the order until it is delivered here.", times(func(s *sample) *status.Histogram { return &s.Ring.Delivery })},

	{"spread_network_received_datagrams_total", counter, "Datagrams from other daemons.", count(func(s *sample) uint64 { return s.Network.DatagramsIn })},
	{"spread_network_received_bytes_total", counter, "Bytes of these.", count(func(s *sample) uint64 { return s.Network.BytesIn })},
	{"spread_network_sent_datagrams_total", counter, "Datagrams to other daemons, once for each address.", count(func(s *sample) uint64 { return s.Network.DatagramsOut })},
	{"spread_network_sent_bytes_total", counter, "Bytes of these.", count(func(s *sample) uint64 { return s.Network.BytesOut })},
	{"spread_network_dropped_datagrams_total", counter, "Datagrams lost or not sent by this machine, by why.", perReason(drops, func(s *sample) map[string]uint64 { return s.Network.Dropped })},
	{"spread_network_datagram_bytes", gauge, "The largest datagram in use.", one(func(s *sample) float64 { return float64(s.Network.Datagram) })},

	{"process_cpu_seconds_total", counter, "Processor time used, user and system.", one(func(s *sample) float64 { return s.Process.CPU })},
	{"process_resident_memory_bytes", gauge, "Memory in use.", known(func(s *sample) float64 { return float64(s.Process.Resident) })},
	{"process_open_fds", gauge, "File descriptors open.", known(func(s *sample) float64 { return float64(s.Process.OpenFiles) })},
	{"process_max_fds", gauge, "File descriptors allowed.", known(func(s *sample) float64 { return float64(s.Process.MaxFiles) })},
	{"process_start_time_seconds", gauge, "When the daemon started, in seconds since 1970.", one(func(s *sample) float64 { return seconds(s.Daemon.Started) })},
	{"go_info", gauge, "Always 1; the label is the version of Go.", func(w *writer, _ *sample) { w.put(1, "version", runtime.Version()) }},
	{"go_goroutines", gauge, "Goroutines.", one(func(s *sample) float64 { return float64(s.Process.Goroutines) })},
	{"go_memstats_heap_alloc_bytes", gauge, "Bytes of objects on the heap.", one(func(s *sample) float64 { return float64(s.Process.Heap) })},
}

// The values of labels: all of them are exported from the start.
var (
	states      = []string{"gathering", "forming", "recovering", "operational", "departed"}
	groupStates = []string{"operational", "transitional", "gathering", "interrupted"}
	services    = []string{"unreliable", "reliable", "fifo", "causal", "agreed", "safe"}
	rejections  = []string{"malformed", "stale", "foreign", "mismatch", "unauthentic", "stranger"}
	drops       = []string{"overflow", "truncated", "send_full", "unreachable", "size", "unknown", "partition", "monitor"}
)

// The kinds of families.

func one(value func(*sample) float64) func(*writer, *sample) {
	return func(w *writer, s *sample) { w.put(value(s)) }
}

// known leaves out what is 0 because the system does not tell.
func known(value func(*sample) float64) func(*writer, *sample) {
	return func(w *writer, s *sample) {
		if v := value(s); v > 0 {
			w.put(v)
		}
	}
}

func count(value func(*sample) uint64) func(*writer, *sample) {
	return func(w *writer, s *sample) { w.put(float64(value(s))) }
}

func oneOf(all []string, present func(*sample) string) func(*writer, *sample) {
	return func(w *writer, s *sample) {
		for _, name := range all {
			w.put(truth(name == present(s)), "state", name)
		}
	}
}

func perReason(all []string, counts func(*sample) map[string]uint64) func(*writer, *sample) {
	return func(w *writer, s *sample) {
		for _, name := range all {
			w.put(float64(counts(s)[name]), "reason", name)
		}
	}
}

func perDaemon(value func(*status.Peer) (v float64, ok bool)) func(*writer, *sample) {
	return func(w *writer, s *sample) {
		for i := range s.Daemons {
			if v, ok := value(&s.Daemons[i]); ok {
				w.put(v, "daemon", s.Daemons[i].Name)
			}
		}
	}
}

func times(of func(*sample) *status.Histogram) func(*writer, *sample) {
	return func(w *writer, s *sample) {
		h := of(s)
		for _, b := range h.Buckets {
			w.bucket(b.Le, b.Count)
		}
		w.sum(h.Sum, h.Count)
	}
}

func longestQueue(s *sample) float64 {
	if len(s.Clients.Slowest) == 0 {
		return 0
	}
	return float64(s.Clients.Slowest[0].QueuedBytes)
}
