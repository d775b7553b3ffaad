// Spuser is the interactive client of the Spread toolkit. Under the name sptuser
// it has fewer commands (configuration and tools 10).
package main

import (
	"os"

	"gospread/spread/internal/spuser"
)

func main() { os.Exit(spuser.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) }
