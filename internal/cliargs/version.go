package cliargs

import "runtime/debug"

const unstamped = "development version"

// version is set when a program is built:
// -ldflags "-X gospread/spread/internal/cliargs.version=1.2.3".
var version = unstamped

// Version is the version of the program, for --version: what was stamped when it
// was built, else the version of the module.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && version == unstamped && info.Main.Version != "" {
		return info.Main.Version
	}
	return version
}
