//go:build !unix

package compat

import "testing"

// canHalt tells whether processes can be stopped. What takes that is skipped elsewhere.
const canHalt = false

func (d *daemon) halt(t testing.TB) {
	t.Helper()
	t.Fatal("no process can be stopped here")
}

func (d *daemon) resume(testing.TB) {}
