package replog

// Machine is the state that is replicated. Its methods are called within those of
// the core.
type Machine interface {
	// Apply changes the state, in the same way at every replica.
	Apply(u *Update) (result []byte)
	// Snapshot returns the state, and Restore replaces it by one.
	Snapshot() ([]byte, error)
	Restore(snapshot []byte) error
	// Merge replaces the state by what is to become of several.
	Merge(snapshots [][]byte) error
}

// Update is what a machine applies.
type Update struct {
	Index  uint64 // its place in the order, from 1; 0 if there is no such place
	ID     string
	Origin string
	Data   []byte
}

// Effect is what a replica has to do: a Send, Persist, Compact, Resolve, Rejoin or
// Fail, in the order in which they come.
type Effect interface{ effect() }

// effects collects what is to be done, for both cores.
type effects struct {
	out    []Effect
	failed bool // for good: the last of them is a Fail
}

func (e *effects) send(data []byte, to ...string) { e.emit(Send{To: to, Data: data}) }

func (e *effects) fail(reason string) {
	e.failed = true
	e.emit(Fail{reason})
}

func (e *effects) emit(x Effect) { e.out = append(e.out, x) }

func (e *effects) take() []Effect {
	out := e.out
	e.out = nil
	return out
}

// Send is a message to be sent with AGREED service.
type Send struct {
	To   []string
	Data []byte
}

// Persist are records that must be on disk before what comes behind is sent.
type Persist struct{ Records []byte }

// Compact are records that replace all that were persisted before.
type Compact struct{ Records []byte }

// Outcome tells what became of an update or a sync.
type Outcome uint8

// The outcomes.
const (
	Applied Outcome = iota
	Refused         // for certain not applied
	Unknown         // perhaps applied
)

// Resolve is the end of an update or sync that was submitted here.
type Resolve struct {
	ID      string
	Outcome Outcome
	Result  []byte
	Kept    bool // there is a result
	Reason  string
}

// Rejoin asks to leave the group and join it again: the others go on without us.
type Rejoin struct{}

// Fail ends the replica.
type Fail struct{ Reason string }

func (Send) effect()    {}
func (Persist) effect() {}
func (Compact) effect() {}
func (Resolve) effect() {}
func (Rejoin) effect()  {}
func (Fail) effect()    {}

// Status is what a replica knows of itself and the others.
type Status struct {
	Ready   bool     // updates are taken
	Current bool     // the state here is that of the ready part
	Reason  string   // why not ready
	Epoch   uint64   // of the last part with a majority that this replica was in
	Applied uint64   // index of the last update that was applied
	Length  uint64   // of the log
	Pending int      // updates of this replica that have not ended
	Members []string // names of the replicas in the view
	View    string
}
