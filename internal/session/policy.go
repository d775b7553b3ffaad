package session

import "gospread/spread/internal/clientproto"

// Policy decides what authenticated clients may do (10.3). A nil Policy permits
// everything. Its methods are called from many goroutines at once. What is
// refused comes back to its sender as a rejected message; a refused connection
// gets the authentication refusal.
type Policy interface {
	Connect(user, remote string) bool
	Join(private, group clientproto.Name) bool
	Leave(private, group clientproto.Name) bool
	// SendPrivate is asked about the private groups among the destinations,
	// SendGroups about all destinations if at least one is a group.
	SendPrivate(private clientproto.Name, to []clientproto.Name) bool
	SendGroups(private clientproto.Name, to []clientproto.Name) bool
}

// unchecked: a send with any of these bits is not shown to the policy.
const unchecked clientproto.Type = 0x00ffff00

func permitted(p Policy, s *Session, h *clientproto.Header, m []byte) bool {
	if h.Type&clientproto.Requests == 0 && h.Type&unchecked != 0 {
		return true
	}
	names := clientproto.ParseNames(m[h.Names():h.Data()])
	switch {
	case h.Type&clientproto.Join != 0:
		return p.Join(s.Private, names[0])
	case h.Type&clientproto.Leave != 0:
		return p.Leave(s.Private, names[0])
	}
	var private []clientproto.Name
	for i := range names {
		if names[i].IsPrivate() {
			private = append(private, names[i])
		}
	}
	if len(private) > 0 && !p.SendPrivate(s.Private, private) {
		return false
	}
	return len(private) == len(names) || p.SendGroups(s.Private, names)
}
