package replica

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func storeConfig(t *testing.T) (string, *Config) {
	return filepath.Join(t.TempDir(), "store"), &Config{State: "s", Name: "r1", Replicas: three}
}

func open(t *testing.T, path string, cfg *Config) (*store, string) {
	t.Helper()
	s, records, err := openStore(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s, string(records)
}

func fill(t *testing.T, path string, cfg *Config, records ...string) []byte {
	t.Helper()
	s, _ := open(t, path, cfg)
	for _, r := range records {
		if err := s.append([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestStoreComesBack(t *testing.T) {
	path, cfg := storeConfig(t)
	fill(t, path, cfg, "one", "two")
	s, records := open(t, path, cfg)
	if records != "onetwo" {
		t.Fatal(records)
	}
	if _, _, err := openStore(path, cfg); err == nil {
		t.Fatal("two processes have it")
	}
	if err := s.replace([]byte("three")); err != nil {
		t.Fatal(err)
	}
	if err := s.append([]byte("four")); err != nil {
		t.Fatal(err)
	}
	_ = s.close()
	s, records = open(t, path, cfg)
	if records != "threefour" {
		t.Fatal(records)
	}
	_ = s.close()
}

// Wherever the last write was cut off, what was written before is there, and writing
// goes on behind it.
func TestStoreCutOff(t *testing.T) {
	path, cfg := storeConfig(t)
	whole := fill(t, path, cfg, "one")
	size := len(whole)
	whole = fill(t, path, cfg, "the second")
	for at := size; at < len(whole); at++ {
		for _, tail := range []string{"", "\x00\x00\x00", strings.Repeat("\x00", len(whole)-at)} {
			if err := os.WriteFile(path, append(bytes.Clone(whole[:at]), tail...), 0o666); err != nil {
				t.Fatal(err)
			}
			s, records := open(t, path, cfg)
			if records != "one" {
				t.Fatalf("cut at %d of %d: %q", at, len(whole), records)
			}
			if err := s.append([]byte("more")); err != nil {
				t.Fatal(err)
			}
			_ = s.close()
			s, records = open(t, path, cfg)
			if records != "onemore" {
				t.Fatalf("cut at %d: %q", at, records)
			}
			_ = s.close()
		}
	}
}

// Damage before the last write is told, and nothing is dropped in silence.
func TestStoreDamaged(t *testing.T) {
	path, cfg := storeConfig(t)
	whole := fill(t, path, cfg, "one", "two")
	last := len(whole) - len(frame([]byte("two")))
	for at := range last {
		b := bytes.Clone(whole)
		b[at] ^= 0x40
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		if s, _, err := openStore(path, cfg); err == nil {
			_ = s.close()
			t.Fatalf("byte %d of %d", at, len(whole))
		}
	}
}

func TestStoreOfAnother(t *testing.T) {
	path, cfg := storeConfig(t)
	fill(t, path, cfg, "one")
	other := *cfg
	other.Replicas = []string{"r1", "r2"}
	if _, _, err := openStore(path, &other); err == nil || !strings.Contains(err.Error(), "of r1 r2 r3") {
		t.Fatal(err)
	}
	other = *cfg
	other.Replicas = []string{"r3", "r1", "r2"} // the order does not matter
	s, _ := open(t, path, &other)
	_ = s.close()
	if err := os.WriteFile(path, []byte("something else"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openStore(path, cfg); err == nil {
		t.Fatal("it is no store")
	}
}
