//go:build !unix

package conformance

import "errors"

func (d *daemon) halt() error { return unsupported{"this system cannot halt a process"} }
func (d *daemon) goOn() error { return errors.New("this system cannot halt a process") }
