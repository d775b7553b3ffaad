// Package cliargs reads the command lines of the classic tools, where of a short
// option only the first bytes count ("-user x" is "-u x") and repeats replace
// each other, and adds the long options of today.
package cliargs

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Option is one option of a command line.
type Option struct {
	// Name is how the option begins. With one dash, whatever follows the name in
	// the argument is ignored; with two, the argument is exactly the name, or
	// name=value.
	Name string
	// Set takes the value, or "" if NoValue. Its error says what would be right.
	Set func(value string) error
	// NoValue: the option has no value.
	NoValue bool
}

// Parse gives the options in args to the first of the table that fits each, and
// stops at the first error.
func Parse(args []string, table []Option) error {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		o, value, inline := find(arg, table)
		switch {
		case o == nil:
			return fmt.Errorf("unknown argument %q", arg)
		case o.NoValue && inline:
			return fmt.Errorf("argument %s takes no value", o.Name)
		case !o.NoValue && !inline:
			if len(args) == 0 {
				return fmt.Errorf("argument %s needs a value", o.Name)
			}
			value = args[0]
			args = args[1:]
		}
		if err := o.Set(value); err != nil {
			return fmt.Errorf("argument %s: %w", o.Name, err)
		}
	}
	return nil
}

func find(arg string, table []Option) (o *Option, value string, inline bool) {
	for i := range table {
		o := &table[i]
		if !strings.HasPrefix(o.Name, "--") {
			if strings.HasPrefix(arg, o.Name) {
				return o, "", false
			}
			continue
		}
		name, value, inline := strings.Cut(arg, "=")
		if name == o.Name {
			return o, value, inline
		}
	}
	return nil, "", false
}

// String takes any value.
func String(name string, p *string) Option {
	return Option{Name: name, Set: func(v string) error { *p = v; return nil }}
}

// Bool takes no value and sets *p.
func Bool(name string, p *bool) Option {
	return Option{Name: name, NoValue: true, Set: func(string) error { *p = true; return nil }}
}

// Int takes a decimal number from low to high.
func Int(name string, p *int, low, high int) Option {
	return Option{Name: name, Set: func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < low || n > high {
			return fmt.Errorf("%q is not a number from %d to %d", v, low, high)
		}
		*p = n
		return nil
	}}
}

// Duration takes a positive time with its unit, such as 10s.
func Duration(name string, p *time.Duration) Option {
	return Option{Name: name, Set: func(v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d <= 0 {
			return fmt.Errorf("%q is not a time such as 500ms, 10s or 2m", v)
		}
		*p = d
		return nil
	}}
}
