package daemon

import (
	"context"
	"fmt"
	"io"
	"os"
)

// Check reads a configuration and prints what it means, as `spread --check`
// does. An error says why it is not acceptable. With a name it also checks that
// the entry exists and can run on this machine.
func Check(w io.Writer, file, name string) error {
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "localhost"
	}
	s := &source{hostname: hostname}
	cfg, err := s.load(context.Background(), file)
	if err != nil {
		return err
	}
	if err := cfg.Describe(w); err != nil {
		return fmt.Errorf("print the configuration: %w", err)
	}
	if name == "" {
		return nil
	}
	local, err := localAddrs(lookup(context.Background()), hostname)
	if err != nil {
		return err
	}
	self, err := cfg.Self(name, local)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "own entry: %s, id %d, at %s port %d\n", self.Name, self.ID, self.Addr, self.Port)
	return nil
}
