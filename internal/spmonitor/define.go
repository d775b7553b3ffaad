package spmonitor

import (
	"strings"

	"gospread/spread/internal/monproto"
)

// definePartition is command 1.
func (d *dialogue) definePartition() error {
	d.say("\n=============\nDefine Partition\n-------------\n\n")
	defined := make(map[string]int16)
	for _, s := range d.cfg.Segments {
		for _, c := range s.Daemons {
			n, err := d.number("\t"+c.Name+"\t", false)
			if err != nil {
				return err
			}
			defined[c.Name] = n
		}
		d.say("\n")
	}
	d.parts.defined = defined
	d.showPartition(defined)
	return nil
}

// showPartition is command 3.
func (d *dialogue) showPartition(parts map[string]int16) {
	d.say("\n=============\nPartition Map:\n-------------\n\n")
	for _, s := range d.cfg.Segments {
		for _, c := range s.Daemons {
			d.sayf("\t%s\t%d\n", c.Name, parts[c.Name])
		}
		d.say("\n")
	}
	d.say(prompt)
}

// defineFlow is command 5.
func (d *dialogue) defineFlow() error {
	d.say("\n===================\nDefine Flow Control\n-------------------\n\n")
	defined := flows{personal: make(map[string]int16), accelerated: make(map[string]int16)}
	var err error
	if defined.window, err = d.number("    Window size: ", true); err != nil {
		return err
	}
	d.say("\n")
	for _, s := range d.cfg.Segments {
		for _, c := range s.Daemons {
			if defined.personal[c.Name], err = d.number("\t"+c.Name+" personal window\t", true); err != nil {
				return err
			}
			if !d.cfg.Options.AcceleratedRing {
				defined.accelerated[c.Name] = monproto.Keep
				continue
			}
			if defined.accelerated[c.Name], err = d.number("\t"+c.Name+" accelerated window\t", true); err != nil {
				return err
			}
		}
		d.say("\n")
	}
	d.flows.defined = defined
	d.showFlow(defined)
	return nil
}

// showFlow is command 7.
func (d *dialogue) showFlow(f flows) {
	d.say("\n========================\nFlow Control Parameters:\n------------------------\n\n")
	d.sayf("Window size:  %d\n\n", f.window)
	for _, s := range d.cfg.Segments {
		for _, c := range s.Daemons {
			d.sayf("\t%s personal window\t%d\n", c.Name, f.personal[c.Name])
			if d.cfg.Options.AcceleratedRing {
				d.sayf("\t%s accelerated window\t%d\n", c.Name, f.accelerated[c.Name])
			}
		}
		d.say("\n")
	}
	d.say(prompt)
}

// number asks until a number is typed. An empty line is -1 where that may be.
func (d *dialogue) number(question string, empty bool) (int16, error) {
	for {
		d.say(question)
		line, err := d.line()
		if err != nil {
			return 0, err
		}
		if line == "" && empty {
			return monproto.Keep, nil
		}
		if n, ok := leadingNumber(line); ok {
			return n, nil
		}
		d.say("Please enter a number\n")
	}
}

// leadingNumber is the number at the beginning of a line, of which 16 bits count.
func leadingNumber(line string) (int16, bool) {
	line = strings.TrimLeft(line, " \t\v\f\r")
	minus := strings.HasPrefix(line, "-")
	if minus || strings.HasPrefix(line, "+") {
		line = line[1:]
	}
	var n uint16
	digits := 0
	for ; digits < len(line) && line[digits] >= '0' && line[digits] <= '9'; digits++ {
		n = n*10 + uint16(line[digits]-'0')
	}
	if minus {
		n = -n
	}
	return int16(n), digits > 0
}
