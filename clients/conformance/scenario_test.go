package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// scenario is one story that every client plays. README.md tells what the fields mean.
type scenario struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// Needs are features that a driver must have.
	Needs []string `json:"needs"`
	// Daemons is how many daemons there are; 1 if it is not said.
	Daemons int               `json:"daemons"`
	Options []string          `json:"options"`
	Files   map[string]string `json:"files"`
	Address string            `json:"address"`
	// Interfaces is the list of interfaces of the daemons.
	Interfaces string `json:"interfaces"`
	// Port is that of d1, which has the machine for itself then.
	Port int `json:"port"`
	// Peers are the connections that the other side's driver has.
	Peers []string `json:"peers"`
	// Proxy stands before d1: "bytes" passes on one byte at a time.
	Proxy string `json:"proxy"`
	// Fake is a daemon played by the runner, in place of real ones.
	Fake *fakeSetup `json:"fake"`
	// Pair: played by every two languages too.
	Pair  bool     `json:"pair"`
	Steps []object `json:"steps"`
}

var legalName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// loadScenarios reads all files of a directory, in the order of their names.
func loadScenarios(dir string) ([]*scenario, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var all []*scenario
	seen := map[string]bool{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var list []*scenario
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&list); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, s := range list {
			if err := s.check(); err != nil {
				return nil, fmt.Errorf("%s: scenario %q: %w", path, s.Name, err)
			}
			if seen[s.Name] {
				return nil, fmt.Errorf("%s: there are two scenarios %q", path, s.Name)
			}
			seen[s.Name] = true
		}
		all = append(all, list...)
	}
	return all, nil
}

// check completes a scenario and reports what is wrong with it.
func (s *scenario) check() error {
	switch {
	case !legalName.MatchString(s.Name):
		return fmt.Errorf("the name must be lower-case words joined by hyphens")
	case s.Title == "" || len(s.Steps) == 0:
		return fmt.Errorf("it needs a title and steps")
	case s.Proxy != "" && s.Proxy != "bytes":
		return fmt.Errorf("there is no proxy %q", s.Proxy)
	}
	if s.Daemons == 0 && s.Fake == nil {
		s.Daemons = 1
	}
	for i, st := range s.Steps {
		op, _ := st["op"].(string)
		do, _ := st["do"].(string)
		if (op == "") == (do == "") {
			return fmt.Errorf("step %d must have either op or do", i+1)
		}
		if do != "" && actions[do] == nil {
			return fmt.Errorf("step %d: there is no action %q", i+1, do)
		}
	}
	return nil
}
