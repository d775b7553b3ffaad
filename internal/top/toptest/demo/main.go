// Demo shows the live view on a cluster that is played. Each round it carries out
// the commands that have come into the file of its argument (see toptest); besides
// those, "panic" panics. Its process id is in a file beside that, with .pid behind
// its name.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"gospread/spread/internal/top"
	"gospread/spread/internal/top/toptest"
)

func main() {
	var s source
	if len(os.Args) > 1 {
		s.path = os.Args[1]
		if err := os.WriteFile(s.path+".pid", []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, "demo:", err)
			os.Exit(1)
		}
	}
	s.cluster = toptest.New(time.Now(), "alpha", "bravo", "charlie", "delta", "echo")
	s.last = time.Now()
	err := top.Run(context.Background(), top.Options{Source: &s, Every: 200 * time.Millisecond})
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
	fmt.Println("demo: the end")
}

// source is the played cluster, moved by the clock and by the file.
type source struct {
	cluster *toptest.Cluster
	last    time.Time
	path    string
	done    int // bytes of the file
}

func (s *source) Status(context.Context) []top.Sample {
	for command := range strings.Lines(s.news()) {
		if strings.TrimSpace(command) == "panic" {
			panic("as it was told")
		}
		if err := s.cluster.Do(command); err != nil {
			panic(err)
		}
	}
	now := time.Now()
	s.cluster.Advance(now.Sub(s.last))
	s.last = now
	return s.cluster.Samples()
}

// news are the complete lines that the file has got.
func (s *source) news() string {
	if s.path == "" {
		return ""
	}
	all, err := os.ReadFile(s.path)
	if err != nil {
		return ""
	}
	text := string(all[min(s.done, len(all)):])
	text = text[:strings.LastIndexByte(text, '\n')+1]
	s.done += len(text)
	return text
}
