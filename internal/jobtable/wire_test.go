package jobtable

import (
	"bytes"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"wq1 submit\nid=a\nmax=3\n\npayload", "wq1 info\n\n", "wq1 x\na=1\na=2\n\n", "wq2 x\n\n", "wq1 x", "wq1 x\na\n\n", "wq1 x\nn=01\n\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := Parse(b)
		if ok && !bytes.Equal(append(m.Header(), m.Data...), b) {
			t.Fatalf("%q becomes %q and %q", b, m.Header(), m.Data)
		}
		if table, ok := decodeTable(b); ok && !bytes.Equal(table.encode(), b) {
			// Rows may come in any order, and fields may be missing; then it is one all the same.
			again, ok := decodeTable(table.encode())
			if !ok || again.digest() != table.digest() {
				t.Fatalf("%q becomes %q", b, table.encode())
			}
		}
	})
}

func TestWhatIsNoMessage(t *testing.T) {
	for _, s := range []string{
		"", "wq1 x", "wq2 x\n\n", "wq1 x\n", "wq1 X\n\n", "wq1 x\na\n\n", "wq1 x\na=1\na=2\n\n", "wq1 x\nA=1\n\n",
		"wq1 xxxxxxxxxxxxxxxxx\n\n", "wq1 x\na=" + string(make([]byte, 70_000)) + "\n\n",
	} {
		if _, ok := Parse([]byte(s)); ok {
			t.Errorf("%.40q is a message", s)
		}
	}
	m, ok := Parse([]byte("wq1 x\na=1=\xff\nb=\nc=01\nd=7\n\n\ndata"))
	if !ok || m.Verb != "x" || m.Get("a") != "1=\xff" || m.Get("b") != "" || string(m.Data) != "\ndata" {
		t.Fatalf("%+v", m)
	}
	for key, want := range map[string]int64{"d": 7, "e": 9} {
		if n, ok := m.Int(key, 9); !ok || n != want {
			t.Errorf("%s is %d", key, n)
		}
	}
	for _, key := range []string{"a", "b", "c"} {
		if n, ok := m.Int(key, 9); ok {
			t.Errorf("%s is %d", key, n)
		}
	}
	if s := NewMessage("x", nil).Set("a", "1\n2").Header(); string(s) != "wq1 x\na=1 2\n\n" {
		t.Errorf("%q", s)
	}
}
