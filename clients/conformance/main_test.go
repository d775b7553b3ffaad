package conformance

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// The flags. Paths are relative to the root of the repository.
var (
	languagesFlag = flag.String("languages", "", "languages to run, separated by commas; all if empty")
	scenariosFlag = flag.String("scenarios", "", "regular expression of the scenarios to run; all if empty")
	tableFlag     = flag.String("table", "", "write the table of results to this Markdown file, between its marks if it has them")
	soakFlag      = flag.Duration("soak", 0, "how long each language is kept busy while its memory is watched")
	speedFlag     = flag.Bool("speed", false, "measure messages per second")
	traceFlag     = flag.Bool("trace", false, "log what goes between runner and drivers")
)

// mustHaveAll, if it is set, makes a language that cannot run here a failure.
const mustHaveAll = "SPREAD_CONFORMANCE_ALL"

// patience bounds every wait for an event; nothing passes because it has gone by.
const patience = 30 * time.Second

// suite is what all tests share, set by TestMain.
var suite struct {
	root      string // of the repository
	dir       string // of these tests
	daemon    string // path of the program
	reference *language
	languages []*language // chosen
	scenarios []*scenario // chosen
	results   results
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := prepare(dir); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		return 1
	}
	parallel := false
	flag.Visit(func(f *flag.Flag) { parallel = parallel || f.Name == "test.parallel" })
	if !parallel {
		_ = flag.Set("test.parallel", "4") // most of the time is waiting
	}
	code := m.Run()
	if err := suite.results.publish(*tableFlag); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		return 1
	}
	return code
}

// prepare finds languages and scenarios, and builds the daemon.
func prepare(dir string) (err error) {
	suite.dir = dir
	if err := os.Setenv("TMPDIR", dir); err != nil { // for t.TempDir
		return err
	}
	if suite.root, err = filepath.Abs("../.."); err != nil {
		return err
	}
	if suite.scenarios, err = loadScenarios("scenarios"); err != nil {
		return err
	}
	only, err := regexp.Compile(*scenariosFlag)
	if err != nil {
		return fmt.Errorf("-scenarios: %w", err)
	}
	suite.scenarios = slices.DeleteFunc(suite.scenarios, func(s *scenario) bool { return !only.MatchString(s.Name) })
	all, err := findLanguages(filepath.Join(suite.root, "clients"))
	if err != nil {
		return err
	}
	if suite.languages, suite.reference, err = chooseLanguages(all, *languagesFlag); err != nil {
		return err
	}
	suite.daemon = filepath.Join(dir, "spread")
	if runtime.GOOS == "windows" {
		suite.daemon += ".exe"
	}
	build := exec.Command("go", "build", "-o", suite.daemon, "./cmd/spread")
	build.Dir = suite.root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the daemon: %w\n%s", err, out)
	}
	return os.Chmod(dir, 0o755)
}

// chooseLanguages picks those with the given names, and the one that plays the
// other side.
func chooseLanguages(all []*language, names string) (chosen []*language, reference *language, err error) {
	for _, l := range all {
		if l.Language == "go" {
			reference = l
		}
	}
	if reference == nil {
		return nil, nil, fmt.Errorf("there is no clients/go/run.json, whose driver plays the other side")
	}
	if names == "" {
		return all, reference, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(l *language) bool { return l.Language == strings.TrimSpace(name) })
		if i < 0 {
			return nil, nil, fmt.Errorf("-languages: no clients/*/run.json is of the language %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, reference, nil
}
