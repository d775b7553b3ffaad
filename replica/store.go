package replica

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// store is the file of what a replica must not forget. It begins with a line that
// tells what it is, and is a list of frames:
//
//	length of the payload, 4 bytes, big-endian
//	CRC-32 of the length
//	CRC-32 of the payload
//	payload
//
// The first frame names the replica; the others hold records of the core, those that
// were persisted at a time in one frame. So a crash can spoil the last frame only.
type store struct {
	path string
	head []byte // the line and the first frame
	f    *os.File
	lock *os.File
}

const storeMagic = "gospread replica store 1\n"

func frame(payload []byte) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 12+len(payload)), uint32(len(payload)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[:4]))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(payload))
	return append(b, payload...)
}

// openStore opens or makes the file, and returns its records.
func openStore(path string, cfg *Config) (*store, []byte, error) {
	names := slices.Sorted(slices.Values(cfg.Replicas))
	about := fmt.Sprintf("state %s\nreplica %s\nof %s\n", cfg.State, cfg.Name, strings.Join(names, " "))
	s := &store{path: path, head: append([]byte(storeMagic), frame([]byte(about))...)}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, nil, fmt.Errorf("store: %w", err)
	}
	s.lock = lock
	if err := lockFile(lock); err != nil {
		s.close()
		return nil, nil, fmt.Errorf("store %s: another process has it: %w", path, err)
	}
	records, err := s.load(about)
	if err != nil {
		s.close()
		return nil, nil, fmt.Errorf("store %s: %w", path, err)
	}
	return s, records, nil
}

func (s *store) load(about string) ([]byte, error) {
	b, err := os.ReadFile(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, s.replace(nil)
	case err != nil:
		return nil, err
	}
	rest, ok := bytes.CutPrefix(b, []byte(storeMagic))
	if !ok {
		return nil, errors.New("this is no store, or one of another version")
	}
	var records []byte
	for first := true; len(rest) > 0; first = false {
		payload, n, err := readFrame(rest)
		switch {
		case err != nil:
			return nil, fmt.Errorf("damaged at byte %d: %w; what it holds cannot be trusted. Remove it, and this replica starts with nothing and gets the state from the others", len(b)-len(rest), err)
		case n == 0 && first:
			return nil, errors.New("its beginning is damaged. Remove it, and this replica starts with nothing and gets the state from the others")
		case n == 0: // a write that was cut off by a crash; nobody was told of it
			return records, s.reopen(int64(len(b) - len(rest)))
		case first && string(payload) != about:
			return nil, fmt.Errorf("it belongs to something else:\n%sand this is\n%s", payload, about)
		case !first:
			records = append(records, payload...)
		}
		rest = rest[n:]
	}
	return records, s.reopen(int64(len(b)))
}

// readFrame returns the first frame and its length. Zero: it is the last one, and was
// not written to its end.
func readFrame(b []byte) (payload []byte, n int, err error) {
	const head = 12
	if len(b) < head {
		return nil, 0, nil
	}
	size := int(binary.BigEndian.Uint32(b))
	switch {
	case crc32.ChecksumIEEE(b[:4]) != binary.BigEndian.Uint32(b[4:]):
		if len(bytes.Trim(b[head:], "\x00")) == 0 { // no payload is like that
			return nil, 0, nil
		}
		return nil, 0, errors.New("the length of a frame has a wrong checksum")
	case len(b) < head+size:
		return nil, 0, nil
	}
	payload = b[head : head+size]
	if crc32.ChecksumIEEE(payload) != binary.BigEndian.Uint32(b[8:]) {
		if len(bytes.Trim(b[head+size:], "\x00")) == 0 {
			return nil, 0, nil
		}
		return nil, 0, errors.New("a frame has a wrong checksum")
	}
	return payload, head + size, nil
}

// reopen opens the file for appending at an offset.
func (s *store) reopen(at int64) error {
	f, err := os.OpenFile(s.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	s.f = f
	if err := f.Truncate(at); err != nil {
		return err
	}
	_, err = f.Seek(at, 0)
	return errors.Join(err, f.Sync())
}

// append adds records, and returns when they are on disk.
func (s *store) append(records []byte) error {
	if _, err := s.f.Write(frame(records)); err != nil {
		return fmt.Errorf("store %s: %w", s.path, err)
	}
	if err := s.f.Sync(); err != nil {
		return fmt.Errorf("store %s: %w", s.path, err)
	}
	return nil
}

// replace puts records in place of all that were there.
func (s *store) replace(records []byte) error {
	b := slices.Clone(s.head)
	if len(records) > 0 {
		b = append(b, frame(records)...)
	}
	next := s.path + ".new"
	if err := writeSynced(next, b); err != nil {
		_ = os.Remove(next) // the disk may be full
		return fmt.Errorf("store: %w", err)
	}
	if s.f != nil { // some systems do not rename over an open file
		_ = s.f.Close()
	}
	if err := os.Rename(next, s.path); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := syncDir(filepath.Dir(s.path)); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return s.reopen(int64(len(b)))
}

func writeSynced(path string, b []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func (s *store) close() error {
	if s == nil {
		return nil
	}
	var err error
	if s.f != nil {
		err = s.f.Close()
	}
	return errors.Join(err, s.lock.Close())
}
