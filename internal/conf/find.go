package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// DefaultName is the file that is looked for where none is named.
const DefaultName = "spread.conf"

// sysconfdir is where the installed file is. Set it when building: -ldflags "-X gospread/spread/internal/conf.sysconfdir=DIR".
var sysconfdir = "/usr/local/etc"

// SearchPath lists the places where a configuration is looked for when none is named, in order: the working directory,
// the directory for configuration fixed when the program was built, and /etc.
func SearchPath() []string {
	return slices.Compact([]string{DefaultName, filepath.Join(sysconfdir, DefaultName), filepath.Join("/etc", DefaultName)})
}

// ErrNoFile is what Find returns when no file is named and none is at any place of the search path.
var ErrNoFile = errors.New("no configuration file found")

// Find reads the configuration file with open, which is like os.ReadFile. A path that was given explicitly is the only
// one tried. Otherwise the first file that exists is taken; one that exists and cannot be read is an error, not a reason
// to go on. used is the path taken.
func Find(path string, explicit bool, open func(string) ([]byte, error)) (src []byte, used string, err error) {
	if explicit {
		if src, err = open(path); err != nil {
			return nil, "", fmt.Errorf("reading the configuration file %s: %w", quote(path), err)
		}
		return src, path, nil
	}
	places := SearchPath()
	for _, place := range places {
		switch src, err = open(place); {
		case err == nil:
			return src, place, nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, "", fmt.Errorf("reading the configuration file %s: %w", quote(place), err)
		}
	}
	return nil, "", fmt.Errorf("%w (looked for %s)", ErrNoFile, strings.Join(places, ", "))
}
