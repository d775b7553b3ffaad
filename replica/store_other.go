//go:build !unix

package replica

import "os"

// lockFile: another process cannot rename over the open file here.
func lockFile(*os.File) error { return nil }

// syncDir: directories cannot be synced here.
func syncDir(string) error { return nil }
