package spuser

import (
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"gospread/spread"
)

// jsonLines shows an object a line, each with the member "event".
type jsonLines struct{ enc *json.Encoder }

func newJSONLines(w io.Writer) jsonLines {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return jsonLines{enc}
}

type object map[string]any

func (j jsonLines) put(event string, o object) {
	o["event"] = event
	_ = j.enc.Encode(o) // the writer keeps the error
}

func (j jsonLines) connected(address string, c *spread.Conn) {
	j.put("connected", object{
		"address": address, "private_group": c.PrivateGroup(), "daemon_version": c.DaemonVersion().String(),
	})
}

func (j jsonLines) version(spread.Version) {}
func (j jsonLines) prompt()                {}
func (j jsonLines) ask(string)             {}
func (j jsonLines) sending(int, int)       {}
func (j jsonLines) sentOne(int, int)       {}
func (j jsonLines) bye()                   {}
func (j jsonLines) pending(bytes int)      { j.put("pending", object{"bytes": bytes}) }
func (j jsonLines) unknown()               { j.put("error", object{"error": "unknown command"}) }
func (j jsonLines) invalidGroup()          { j.put("error", object{"error": "the command needs a group"}) }
func (j jsonLines) failed(err error)       { j.failure("error", err) }
func (j jsonLines) lost(err error)         { j.failure("lost", err) }

func (j jsonLines) failure(event string, err error) {
	o := object{"error": err.Error()}
	var e *spread.Error
	if errors.As(err, &e) {
		o["code"] = int(e.Code)
	}
	j.put(event, o)
}

func (j jsonLines) event(ev spread.Event) {
	switch ev := ev.(type) {
	case *spread.Message:
		j.put("message", message(ev))
	case *spread.View:
		j.put("view", object{
			"group": ev.Group, "id": viewID(ev.ID), "cause": ev.Cause.String(), "changed": ev.Changed,
			"members": ev.Members, "index": ev.Index, "sets": ev.Sets, "own_set": ev.OwnSet,
		})
	case *spread.Transition:
		j.put("transition", object{"group": ev.Group, "id": viewID(ev.ID)})
	case *spread.SelfLeave:
		j.put("left", object{"group": ev.Group})
	case *spread.Rejected:
		o := message(&ev.Message)
		o["request"] = ev.Request.String()
		j.put("rejected", o)
	}
}

func viewID(id spread.ViewID) [3]int32 { return [3]int32{id.Daemon, id.Time, id.Index} }

// message has the payload as text, or in base64 if it is not text.
func message(m *spread.Message) object {
	o := object{
		"sender": m.Sender, "groups": m.Groups, "service": m.Service.String(), "type": m.Type,
		"big_endian": m.BigEndian, "bytes": len(m.Data),
	}
	if utf8.Valid(m.Data) {
		o["text"] = string(m.Data)
	} else {
		o["base64"] = m.Data
	}
	return o
}
