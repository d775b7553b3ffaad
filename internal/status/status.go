// Package status is what a daemon tells of itself: the document that the status
// service answers with, that monitors get, and that the console page shows. It is
// data and nothing else; the daemon fills it, and everybody else reads it.
//
// Counters count since the daemon started and never go back. Durations are in
// seconds, sizes in bytes. A field that is added later does not change Schema; one
// that changes its meaning does.
package status

import "time"

// Schema is the version of the document.
const Schema = 1

// Summary is the part whose size does not depend on how many clients and groups
// there are.
type Summary struct {
	Schema     int        `json:"schema"`
	Time       time.Time  `json:"time"`
	Daemon     Daemon     `json:"daemon"`
	Membership Membership `json:"membership"`
	// Daemons are all of the configuration, in its order.
	Daemons []Peer  `json:"daemons"`
	Clients Clients `json:"clients"`
	Ring    Ring    `json:"ring"`
	Network Network `json:"network"`
	Process Process `json:"process"`
}

// Report is everything: the document of /status.json.
type Report struct {
	Summary
	Groups   []Group   `json:"groups"`
	Sessions []Session `json:"sessions"`
	// Closed are the last sessions that ended or were refused, the latest first.
	Closed []Closed `json:"closed"`
	// Views are the last daemon memberships, the latest first.
	Views []View `json:"views"`
	// Omitted says what was left out because there is too much of it.
	Omitted []string `json:"omitted,omitempty"`
}

// Daemon is who answers.
type Daemon struct {
	Name    string    `json:"name"`
	ID      int32     `json:"id"`
	Address string    `json:"address"` // host:port of its entry
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Uptime  float64   `json:"uptime_seconds"`
	// ConfigHash is that of the daemons' part of the configuration in force.
	ConfigHash uint32 `json:"config_hash"`
	ConfigFile string `json:"config_file,omitempty"`
	// DangerousMonitor: monitors may part, slow and end this daemon.
	DangerousMonitor bool `json:"dangerous_monitor"`
	// Sealed: what goes between daemons is encrypted.
	Sealed bool `json:"sealed"`
}

// Membership is where the daemon stands.
type Membership struct {
	// State is operational, gathering, forming, recovering or departed; Code is the
	// number that the classic report has for it.
	State string `json:"state"`
	Code  int    `json:"code"`
	// GroupState is operational, transitional, gathering or interrupted; GroupCode
	// likewise.
	GroupState string `json:"group_state"`
	GroupCode  int    `json:"group_code"`
	// ID is that of the present membership: leader and time.
	ID    string    `json:"id,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// Leader is its first member, Members are all, in the order of the configuration.
	Leader   string   `json:"leader,omitempty"`
	Members  []string `json:"members"`
	Segments int      `json:"segments"` // with at least one member
	// Missing are the daemons of the configuration that are not members.
	Missing []string `json:"missing,omitempty"`
	// Changes counts the memberships installed.
	Changes uint64 `json:"changes"`
	// Partition is the part that a monitor has put this daemon into; 0: none.
	Partition int `json:"partition,omitempty"`
}

// Peer is a daemon of the configuration.
type Peer struct {
	Name    string `json:"name"`
	ID      int32  `json:"id"`
	Address string `json:"address"`
	Segment int    `json:"segment"` // from 0
	Member  bool   `json:"member"`
	// RoundTrip is the measured time of an answer, 0 if it is not known.
	RoundTrip float64 `json:"round_trip_seconds,omitempty"`
	// Heard is how long ago its last datagram came; negative: never.
	Heard float64 `json:"heard_seconds_ago"`
	// Mismatch: its configuration is another one.
	Mismatch bool `json:"mismatch,omitempty"`
}

// Clients sums up the sessions.
type Clients struct {
	Sessions    int `json:"sessions"`
	MaxSessions int `json:"max_sessions"`
	Groups      int `json:"groups"`
	// QueuedMessages and QueuedBytes wait for clients at this moment.
	QueuedMessages int `json:"queued_messages"`
	QueuedBytes    int `json:"queued_bytes"`
	// A client is cut off if more than MaxQueuedBytes wait for it, or if it takes
	// nothing for MaxStalled while something waits; 0: no such limit, or not known.
	MaxQueuedBytes int     `json:"max_queued_bytes,omitempty"`
	MaxStalled     float64 `json:"max_stalled_seconds,omitempty"`
	// Opened counts sessions accepted, Ended those that ended, by reason, refusals
	// among them.
	Opened uint64            `json:"opened"`
	Ended  map[string]uint64 `json:"ended,omitempty"`
	// MessagesIn and BytesIn came from clients; Out went into their queues.
	MessagesIn  uint64 `json:"messages_in"`
	BytesIn     uint64 `json:"bytes_in"`
	MessagesOut uint64 `json:"messages_out"`
	BytesOut    uint64 `json:"bytes_out"`
	// Held counts how often a sender was held back for a slow receiver.
	Held uint64 `json:"held"`
	// QueueDepth counts the bytes that wait in a client's queue when something has been
	// added to it.
	QueueDepth Sizes `json:"queue_depth"`
	// Slowest are the sessions with the longest queues, the longest first; at most
	// [MostSlow].
	Slowest []Session `json:"slowest,omitempty"`
}

// MostSlow is how many sessions Clients.Slowest has at most.
const MostSlow = 5

// Ring is the order between the daemons.
type Ring struct {
	PacketsSent     uint64 `json:"packets_sent"`     // own data packets, first time
	PacketsReceived uint64 `json:"packets_received"` // of others, that were new
	Duplicates      uint64 `json:"duplicates"`
	// Retransmissions were sent by this daemon: to one daemon, as all of ours are,
	// so the classic report has them also as unicast.
	Retransmissions uint64 `json:"retransmissions"`
	Requests        uint64 `json:"retransmission_requests"` // sent
	// Messages of clients and Packets were delivered, own ones among them; a message
	// counts once, however many get it.
	Messages uint64 `json:"delivered_messages"`
	Packets  uint64 `json:"delivered_packets"`
	// Delivered are Messages by service.
	Delivered map[string]uint64 `json:"delivered_by_service,omitempty"`
	Tokens    uint64            `json:"tokens"`      // received
	Wakes     uint64            `json:"token_wakes"` // asked for while it rested
	// Aru is the highest number up to which this daemon has everything, Stable that
	// for all members, High the highest that it has heard of. They begin anew with
	// each membership.
	Aru    uint64 `json:"aru"`
	Stable uint64 `json:"stable"`
	High   uint64 `json:"high"`
	// The windows in force, in packets.
	Window            int `json:"window"`
	PersonalWindow    int `json:"personal_window"`
	AcceleratedWindow int `json:"accelerated_window"`
	// Backlog is what clients have sent and what has no place in the order yet.
	Backlog int `json:"backlog_bytes"`
	// Gathers, Attempts and Installed count membership changes: begun, tried, done.
	Gathers   uint64 `json:"gathers"`
	Attempts  uint64 `json:"attempts"`
	Installed uint64 `json:"installed"`
	// Rejected datagrams, by why: malformed, stale, foreign, mismatch, unauthentic,
	// stranger.
	Rejected map[string]uint64 `json:"rejected,omitempty"`
	// TokenRotation is the time from one visit of the token to the next while it
	// moves, that is while this daemon always wants it; TokenWait from when it wants
	// the token until it has it. Delivery is the time from when a packet of local
	// messages got its place until all of it was delivered here.
	TokenRotation Histogram `json:"token_rotation"`
	TokenWait     Histogram `json:"token_wait"`
	Delivery      Histogram `json:"delivery"`
}

// Network is what went through the sockets between daemons.
type Network struct {
	DatagramsIn  uint64 `json:"datagrams_in"`
	BytesIn      uint64 `json:"bytes_in"`
	DatagramsOut uint64 `json:"datagrams_out"`
	BytesOut     uint64 `json:"bytes_out"`
	// Dropped by why: overflow (received by the kernel, no room), send_full,
	// unreachable, size, partition, and so on.
	Dropped map[string]uint64 `json:"dropped,omitempty"`
	// Datagram is the largest in use.
	Datagram int `json:"datagram_bytes"`
}

// Process is what the program uses.
type Process struct {
	PID        int     `json:"pid"`
	CPU        float64 `json:"cpu_seconds"` // user and system; 0 where not known
	Resident   uint64  `json:"resident_bytes"`
	Heap       uint64  `json:"heap_bytes"`
	Goroutines int     `json:"goroutines"`
	OpenFiles  int     `json:"open_files,omitempty"`
	MaxFiles   uint64  `json:"max_files,omitempty"`
}

// Histogram sums up durations.
type Histogram struct {
	Count uint64  `json:"count"`
	Sum   float64 `json:"sum_seconds"`
	P50   float64 `json:"p50_seconds"`
	P99   float64 `json:"p99_seconds"`
	Max   float64 `json:"max_seconds"`
	// Buckets count the durations of at most Le, each with all that are shorter.
	// Their bounds never change while the daemon runs.
	Buckets []Bucket `json:"buckets,omitempty"`
}

// Bucket is a bound and how many durations are within it.
type Bucket struct {
	Le    float64 `json:"le_seconds"`
	Count uint64  `json:"count"`
}

// Sizes sums up sizes in bytes.
type Sizes struct {
	Count uint64  `json:"count"`
	Sum   float64 `json:"sum_bytes"`
	P50   float64 `json:"p50_bytes"`
	P99   float64 `json:"p99_bytes"`
	Max   int64   `json:"max_bytes"`
	// Buckets are as those of a Histogram.
	Buckets []SizeBucket `json:"buckets,omitempty"`
}

// SizeBucket is a bound and how many sizes are within it.
type SizeBucket struct {
	Le    int64  `json:"le_bytes"`
	Count uint64 `json:"count"`
}

// Group is a process group.
type Group struct {
	Name    string `json:"name"`
	View    string `json:"view"` // the id of its present view
	Members int    `json:"members"`
	Local   int    `json:"local"` // of them connected to this daemon
	// Names are the private names of the members, in the order of views; those
	// beyond a limit are left out, and Report.Omitted says so.
	Names []string `json:"names,omitempty"`
}

// Session is a client of this daemon.
type Session struct {
	Name    string    `json:"name"` // its private group
	Remote  string    `json:"remote"`
	Library string    `json:"library"` // version of its client library
	Views   bool      `json:"views"`   // wants membership messages
	Since   time.Time `json:"since"`
	// In came from it, Out went into its queue.
	MessagesIn  uint64 `json:"messages_in"`
	MessagesOut uint64 `json:"messages_out"`
	// QueuedMessages and QueuedBytes wait for it.
	QueuedMessages int `json:"queued_messages"`
	QueuedBytes    int `json:"queued_bytes"`
	// Stalled is how long it has taken nothing while something waits.
	Stalled float64 `json:"stalled_seconds,omitempty"`
	// Held: it is held back now because a receiver of its messages is slow.
	Held   bool     `json:"held,omitempty"`
	Groups []string `json:"groups,omitempty"`
}

// Closed is a session that ended, or a connection that was refused.
type Closed struct {
	At     time.Time `json:"at"`
	Name   string    `json:"name,omitempty"`
	Remote string    `json:"remote"`
	Reason string    `json:"reason"` // one of a fixed list
	Detail string    `json:"detail,omitempty"`
	// Cut: the daemon ended it because it could not keep up.
	Cut            bool    `json:"cut,omitempty"`
	Refused        bool    `json:"refused,omitempty"`
	Lived          float64 `json:"lived_seconds"`
	MessagesIn     uint64  `json:"messages_in"`
	QueuedMessages int     `json:"queued_messages"`
	QueuedBytes    int     `json:"queued_bytes"`
}

// View is a daemon membership of the past or the present.
type View struct {
	At      time.Time `json:"at"`
	ID      string    `json:"id"`
	Members []string  `json:"members"`
	Joined  []string  `json:"joined,omitempty"`
	Left    []string  `json:"left,omitempty"`
	// Cause is why the one before ended, in words.
	Cause string `json:"cause"`
}
