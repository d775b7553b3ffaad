package flush

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread"
	"gospread/spread/internal/clientproto"
)

// TestStuck has a daemon that takes nothing more while the layer must answer:
// Receive waits, a context ends that, and no answer is lost or sent twice.
func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const groups = 8
		var views, want []byte
		me := clientproto.MakeName("#me#localhost")
		for i := range groups {
			name := clientproto.MakeName(fmt.Sprintf("g%d", i))
			v := &clientproto.View{Group: name, Cause: clientproto.CausedByJoin, ID: clientproto.GroupID{Index: int32(i)},
				Members: []clientproto.Name{me}, Sets: [][]clientproto.Name{{me}}}
			views = clientproto.AppendView(views, v)
			h := clientproto.Header{Type: clientproto.FIFO, NumGroups: 1, DataLen: idSize}
			want = clientproto.AppendHeader(want, &h, &me, typeOK)
			want = append(want, name[:]...)
			want = appendID(want, spread.ViewID{Index: int32(i)})
		}
		d := newStalled(t, "me")
		c, err := Dial(t.Context(), "", spread.WithName("me"), spread.WithSendQueue(1), spread.WithDialer(d.dial), spread.WithLinger(0))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.nc.Write(views); err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			var err error
			if i < 3 {
				_, err = c.Receive(ctx)
			} else { // the user's own messages wait behind the answers
				err = c.Multicast(ctx, spread.Agreed, "#x#y", nil)
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("try %d: %v", i, err)
			}
			cancel()
		}
		go func() { _, _ = c.Receive(context.Background()) }()
		got := make([]byte, len(want))
		d.read(got)
		if !bytes.Equal(got, want) {
			t.Errorf("sent\n%x, want\n%x", got, want)
		}
		_ = c.Close()
		_ = d.nc.Close()
	})
}
