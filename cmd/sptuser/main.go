// Sptuser is spuser without the commands r, p, e and d (configuration and tools
// 10.6), whatever name it is installed under.
package main

import (
	"os"

	"gospread/spread/internal/spuser"
)

func main() {
	args := append([]string{"sptuser"}, os.Args[1:]...)
	os.Exit(spuser.Main(args, os.Stdin, os.Stdout, os.Stderr))
}
