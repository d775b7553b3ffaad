//go:build !unix

package doctor

import "gospread/spread/internal/conf"

func fileLimit() uint64 { return 0 }

func unreadable(string, *conf.Options) string { return "" }
