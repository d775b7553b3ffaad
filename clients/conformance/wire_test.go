package conformance

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The bytes of the protocol, made and read by the runner's own means: what clients
// share with the daemon proves nothing here.

const (
	headerSize = 48
	nameSize   = 32
)

// bits are the bits of the type word, by the names that scenarios use.
var bits = map[string]uint32{
	"unreliable": 1, "reliable": 2, "fifo": 4, "causal": 8, "agreed": 0x10, "safe": 0x20, "self_discard": 0x40,
	"by_join": 0x100, "by_leave": 0x200, "by_disconnect": 0x400, "by_network": 0x800,
	"view": 0x1000, "transition": 0x2000, "join": 0x10000, "leave": 0x20000, "kill": 0x40000, "unused": 0x100000, "reject": 0x400000,
	"subgroup": 0x40000000,
}

// crowd is ${crowd}: the members of a large group.
var crowd = func() []any {
	members := []any{"#ann#fake"}
	for i := range 9_999 {
		members = append(members, fmt.Sprintf("#m%d#fake", i))
	}
	return members
}()

// frame is a message as scenarios write it down.
type frame struct {
	little     bool
	kind       uint32
	sender     string
	groups     []string
	appType    int16
	hintLittle bool
	data       []byte
	oldType    uint32 // of a reject
	numGroups  int64  // what the header says, which may be a lie
	dataLen    int64
}

func byteOrder(little bool) binary.AppendByteOrder {
	if little {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// marker is what a word says of the order it is in.
func marker(little bool) uint32 {
	if little {
		return 0x80000080
	}
	return 0
}

// frameOf reads a frame of a scenario, for a client that writes big-endian or not.
// Its orders are "own", that of the client and what is meant if nothing is said, and
// "other".
func frameOf(o object, bigClient bool) (*frame, error) {
	f := &frame{little: bigClient == (o["order"] == "other")}
	f.hintLittle = f.little
	if order, ok := o["hint_order"]; ok {
		f.hintLittle = bigClient == (order == "other")
	}
	var err error
	if f.kind, err = kindOf(o["bits"]); err != nil {
		return nil, err
	}
	if f.oldType, err = kindOf(o["old_bits"]); err != nil {
		return nil, err
	}
	f.sender, _ = o["sender"].(string)
	f.groups = texts(o["groups"])
	if t, ok := o["type"].(float64); ok {
		f.appType = int16(t)
	}
	if f.data, _, err = dataOf(o); err != nil {
		return nil, err
	}
	words, _ := o["words"].([]any)
	for _, w := range words {
		n, _ := w.(float64)
		f.data = byteOrder(f.little).AppendUint32(f.data, uint32(int64(n)))
	}
	f.numGroups, f.dataLen = int64(len(f.groups)), int64(len(f.data))
	if n, ok := o["num_groups"].(float64); ok {
		f.numGroups = int64(n)
	}
	if n, ok := o["data_len"].(float64); ok {
		f.dataLen = int64(n)
	}
	return f, nil
}

func kindOf(names any) (kind uint32, err error) {
	for _, name := range texts(names) {
		bit, ok := bits[name]
		if !ok {
			return 0, fmt.Errorf("there is no bit %q", name)
		}
		kind |= bit
	}
	return kind, nil
}

// encode makes the bytes of a frame.
func (f *frame) encode() ([]byte, error) {
	order := byteOrder(f.little)
	b := order.AppendUint32(nil, f.kind|marker(f.little))
	b, err := appendName(b, f.sender)
	if err != nil {
		return nil, err
	}
	b = order.AppendUint32(b, uint32(f.numGroups))
	b = byteOrder(f.hintLittle).AppendUint32(b, uint32(uint16(f.appType))<<8|marker(f.hintLittle))
	b = order.AppendUint32(b, uint32(f.dataLen))
	if f.kind&bits["reject"] != 0 {
		b = order.AppendUint32(b, f.oldType|marker(f.little))
	}
	for _, g := range f.groups {
		if b, err = appendName(b, g); err != nil {
			return nil, err
		}
	}
	return append(b, f.data...), nil
}

func appendName(b []byte, name string) ([]byte, error) {
	n, err := latin(name)
	if err != nil || len(n) > nameSize {
		return nil, fmt.Errorf("name %q: %w", name, errors.Join(err, fmt.Errorf("at most %d bytes", nameSize)))
	}
	return append(b, append(n, make([]byte, nameSize-len(n))...)...), nil
}

// viewOf makes a membership notice of a scenario: its order, and the layout of a
// daemon of "5" (and 4) or "3".
func viewOf(o object, bigClient bool) ([]byte, error) {
	head := object{"order": o["order"], "bits": []any{"view", "by_" + fmt.Sprint(o["cause"])}, "sender": o["group"], "groups": o["members"], "words": o["id"]}
	f, err := frameOf(head, bigClient)
	if err != nil {
		return nil, err
	}
	order := byteOrder(f.little)
	sets, _ := o["sets"].([]any)
	own, _ := o["own_set"].(float64)
	if o["layout"] == "3" {
		if len(sets) != 1 {
			return nil, fmt.Errorf("the layout of 3 has one set")
		}
	} else {
		f.data = order.AppendUint32(f.data, uint32(len(sets)))
		offset := 0
		for _, s := range sets[:int(own)] {
			offset += 4 + nameSize*len(texts(s))
		}
		f.data = order.AppendUint32(f.data, uint32(offset))
	}
	for _, s := range sets {
		f.data = order.AppendUint32(f.data, uint32(len(texts(s))))
		for _, name := range texts(s) {
			if f.data, err = appendName(f.data, name); err != nil {
				return nil, err
			}
		}
	}
	f.dataLen = int64(len(f.data))
	return f.encode()
}

// parse reads a frame, as an object that scenarios compare. size is what it takes; 0
// if b is not all of it.
func parse(b []byte) (o object, size int, err error) {
	if len(b) < headerSize {
		return nil, 0, nil
	}
	little := binary.LittleEndian.Uint32(b)&marker(true) == marker(true)
	order := binary.ByteOrder(binary.BigEndian)
	if little {
		order = binary.LittleEndian
	}
	kind, n, length := order.Uint32(b), order.Uint32(b[36:]), order.Uint32(b[44:])
	if n > 100 || length > 144_000 {
		return nil, 0, fmt.Errorf("a message with %d groups and %d bytes", n, length)
	}
	size = headerSize + nameSize*int(n) + int(length)
	if len(b) < size {
		return nil, 0, nil
	}
	hint := binary.LittleEndian.Uint32(b[40:])
	hintOrder := "little"
	if hint&marker(true) == 0 {
		hint, hintOrder = binary.BigEndian.Uint32(b[40:]), "big"
	}
	groups := []any{}
	for i := range int(n) {
		groups = append(groups, nameOf(b[headerSize+nameSize*i:]))
	}
	names := []any{}
	for _, name := range slices.Sorted(mapKeys(bits)) {
		if kind&bits[name] != 0 {
			names = append(names, name)
		}
	}
	o = object{"order": map[bool]string{true: "little", false: "big"}[little], "bits": names, "sender": nameOf(b[4:]), "groups": groups,
		"hint_order": hintOrder, "type": float64(int16(hint >> 8)), "data": fromLatin(b[size-int(length) : size])}
	return o, size, nil
}

func nameOf(b []byte) string {
	name, _, _ := strings.Cut(fromLatin(b[:nameSize]), "\x00")
	return name
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// texts are the texts in a list of a scenario.
func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, len(list))
	for i, x := range list {
		out[i], _ = x.(string)
	}
	return out
}

// latin turns characters into the bytes that they stand for.
func latin(text string) ([]byte, error) {
	var b []byte
	for _, r := range text {
		if r > 0xff {
			return nil, fmt.Errorf("%q is no byte", r)
		}
		b = append(b, byte(r))
	}
	return b, nil
}

func fromLatin(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

func unhex(digits string) ([]byte, error) {
	return hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
}

// bytesOf makes what a step sends: a "frame", a "view" or "hex", of that the bytes from
// "from" and before "to".
func bytesOf(step object, bigClient bool) (b []byte, err error) {
	if o, ok := step["frame"].(object); ok {
		f, err := frameOf(o, bigClient)
		if err != nil {
			return nil, err
		}
		if b, err = f.encode(); err != nil {
			return nil, err
		}
	} else if o, ok := step["view"].(object); ok {
		if b, err = viewOf(o, bigClient); err != nil {
			return nil, err
		}
	} else {
		digits, _ := step["hex"].(string)
		if b, err = unhex(digits); err != nil {
			return nil, err
		}
	}
	from, _ := step["from"].(float64)
	to, ok := step["to"].(float64)
	if !ok {
		to = float64(len(b))
	}
	if from < 0 || to < from || int(to) > len(b) {
		return nil, fmt.Errorf("there are %d bytes, not from %v to %v", len(b), from, to)
	}
	return b[int(from):int(to)], nil
}
