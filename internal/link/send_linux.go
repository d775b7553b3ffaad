package link

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	maxMessages = 64   // of one sendmmsg
	maxVectors  = 1024 // of the messages of one sendmmsg
	maxTries    = 8
)

// writer gathers messages for sendmmsg. Destinations of a chunk share its vectors.
type writer struct {
	n, v    int // messages and vectors in use
	hdrs    [maxMessages]mmsghdr
	to      [maxMessages]*dest
	bytes   [maxMessages]int
	control [maxMessages][24]byte
	vecs    [maxVectors]unix.Iovec
	single  [1]mmsghdr
}

func (w *writer) init() {
	for i := range w.control {
		putControl(w.control[i][:], unix.IPPROTO_UDP, unix.UDP_SEGMENT, 0)
	}
}

func (c *kernelConn) queue(chunk []Datagram, to []*dest) {
	w := &c.out
	if w.v+len(chunk) > maxVectors {
		c.flush()
	}
	vecs := w.vecs[w.v : w.v+len(chunk)]
	w.v += len(chunk)
	total := 0
	for i, d := range chunk {
		vecs[i].Base = &d.Data[0]
		vecs[i].SetLen(len(d.Data))
		total += len(d.Data)
	}
	size := len(chunk[0].Data)
	may := len(chunk) > 1 && c.gso
	for _, d := range to {
		if may && d.segmentable(size) {
			c.message(d, vecs, total, size)
			continue
		}
		for i := range vecs {
			c.message(d, vecs[i:i+1], len(chunk[i].Data), 0)
		}
	}
}

// message adds one, segmented if size is not 0.
func (c *kernelConn) message(d *dest, vecs []unix.Iovec, total, size int) {
	w := &c.out
	if w.n == maxMessages {
		c.send()
	}
	m := &w.hdrs[w.n]
	m.h.Name, m.h.Namelen = &d.raw.b[0], d.raw.len
	m.h.Iov = &vecs[0]
	m.h.SetIovlen(len(vecs))
	m.setControl(nil)
	if size > 0 {
		m.setControl(putControl(w.control[w.n][:], unix.IPPROTO_UDP, unix.UDP_SEGMENT, uint16(size)))
	}
	w.to[w.n], w.bytes[w.n] = d, total
	w.n++
}

// flush sends what is queued and lets go of it.
func (c *kernelConn) flush() {
	c.send()
	clear(c.out.vecs[:c.out.v])
	c.out.v = 0
}

// send empties the queue of messages.
func (c *kernelConn) send() {
	w := &c.out
	step := maxMessages
	if c.l.cfg.Without&Batching != 0 {
		step = 1
	}
	for at, tries := 0, 0; at < w.n; {
		end := min(w.n, at+step)
		n, errno := c.call(w.hdrs[at:end])
		if n > 0 {
			if at+n < end {
				c.drain() // an error ended the call, which does not tell it
			}
			for i := at; i < at+n; i++ {
				c.sent(&w.hdrs[i], w.bytes[i])
			}
			at, tries = at+n, 0
			continue
		}
		m := &w.hdrs[at]
		if m.h.Control != nil && unsegmentable(errno) {
			c.split(at)
			at, tries = at+1, 0
			continue
		}
		tries++
		if !c.again(errno, tries) {
			c.drop(errno, int(m.h.Iovlen))
			at, tries = at+1, 0
		}
	}
	clear(w.to[:w.n])
	w.n = 0
}

// unsegmentable tells errors that segmentation may be the cause of: no checksums in
// hardware, segments larger than the path takes, no such option.
func unsegmentable(errno unix.Errno) bool {
	switch errno {
	case unix.EIO, unix.EINVAL, unix.EMSGSIZE, unix.EOPNOTSUPP, unix.ENOPROTOOPT:
		return true
	}
	return false
}

// split sends the datagrams of a segmented message one by one, and notes that
// this destination does not take them otherwise.
func (c *kernelConn) split(at int) {
	w := &c.out
	m, d := &w.hdrs[at], w.to[at]
	vecs := unsafe.Slice(m.h.Iov, int(m.h.Iovlen))
	d.whole.Store(int32(vecs[0].Len))
	c.l.stats.unsegmented.Add(1)
	one := w.single[:]
	one[0].h = m.h
	one[0].setControl(nil)
	one[0].h.SetIovlen(1)
	for i := range vecs {
		one[0].h.Iov = &vecs[i]
		for tries := 0; ; {
			n, errno := c.call(one)
			if n > 0 {
				c.sent(&one[0], int(vecs[i].Len))
				break
			}
			tries++
			if !c.again(errno, tries) {
				c.drop(errno, 1)
				break
			}
		}
	}
	one[0] = mmsghdr{}
}

// call is sendmmsg: a number of messages above 0, or an error.
func (c *kernelConn) call(m []mmsghdr) (int, unix.Errno) {
	c.l.stats.callsOut.Add(1)
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(c.fd), uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

func (c *kernelConn) sent(m *mmsghdr, bytes int) {
	s := &c.l.stats
	s.messagesOut.Add(1)
	s.datagramsOut.Add(uint64(m.h.Iovlen))
	s.bytesOut.Add(uint64(bytes))
}

// again waits, within the limit of one Send, for what may pass, and takes what was
// left by former datagrams out of the way. False: give this message up.
func (c *kernelConn) again(errno unix.Errno, tries int) bool {
	switch errno {
	case unix.EINTR:
		return true
	case unix.EAGAIN:
		left := c.l.patience()
		if left <= 0 {
			return false
		}
		ms := int((left + time.Millisecond - 1) / time.Millisecond)
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLOUT}}, ms) // the next try tells
		return true
	case unix.ENOBUFS, unix.ENOMEM:
		if c.l.patience() <= 0 {
			return false
		}
		time.Sleep(pause)
		return true
	}
	// An error that waited at the socket comes out of any call, once.
	return (c.drain() || tries == 1) && tries <= maxTries
}

// drop counts datagrams that are given up.
func (c *kernelConn) drop(errno unix.Errno, n int) {
	s := &c.l.stats
	switch errno {
	case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM:
		s.dropFull.Add(uint64(n))
	case unix.EMSGSIZE, unix.EINVAL:
		s.dropSize.Add(uint64(n))
	default:
		s.dropUnreachable.Add(uint64(n))
	}
}
