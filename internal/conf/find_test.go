package conf

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	installed := filepath.Join("/usr/local/etc", DefaultName)
	etc := filepath.Join("/etc", DefaultName)
	for _, c := range []struct {
		what     string
		path     string
		explicit bool
		files    map[string]error // nil: readable
		used     string
		err      error
		tried    string
	}{
		{"explicit", "x.conf", true, map[string]error{"x.conf": nil, DefaultName: nil}, "x.conf", nil, "x.conf"},
		{"explicit and mistyped: no other file", "y.conf", true, map[string]error{DefaultName: nil, installed: nil}, "", fs.ErrNotExist, "y.conf"},
		{"explicit and empty", "", true, map[string]error{DefaultName: nil}, "", fs.ErrNotExist, ""},
		{"working directory first", "", false, map[string]error{DefaultName: nil, installed: nil}, DefaultName, nil, DefaultName},
		{"then the installed one", "", false, map[string]error{installed: nil, etc: nil}, installed, nil, DefaultName + " " + installed},
		{"then /etc", "", false, map[string]error{etc: nil}, etc, nil, DefaultName + " " + installed + " " + etc},
		{"unreadable is an error", "", false, map[string]error{DefaultName: fs.ErrPermission, installed: nil}, "", fs.ErrPermission, DefaultName},
		{"none", "", false, nil, "", ErrNoFile, DefaultName + " " + installed + " " + etc},
	} {
		t.Run(c.what, func(t *testing.T) {
			var tried []string
			src, used, err := Find(c.path, c.explicit, func(name string) ([]byte, error) {
				tried = append(tried, name)
				if e, ok := c.files[name]; !ok {
					return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
				} else if e != nil {
					return nil, &fs.PathError{Op: "open", Path: name, Err: e}
				}
				return []byte("of " + name), nil
			})
			if used != c.used || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || strings.Join(tried, " ") != c.tried {
				t.Errorf("used %q, tried %q, %v", used, tried, err)
			}
			if err == nil && string(src) != "of "+used {
				t.Errorf("contents of another file: %s", src)
			}
		})
	}
}
