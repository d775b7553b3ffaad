//go:build !linux

package conformance

func residentMemory(*driver) int { return 0 }

func presentMemory(*driver) int { return 0 }

func forgetPeak(*driver) {}

func openFiles(*driver) int { return 0 }
