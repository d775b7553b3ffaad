//go:build !linux

package doctor

func holder(string, uint16) string { return "" }
