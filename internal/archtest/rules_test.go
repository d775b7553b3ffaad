package archtest

// module is the import path of the tree that is checked.
const module = "gospread/spread"

// room is what one directory may do outside its test files.
type room struct {
	// uses are the rooms that it may import. Arrows run downward only.
	uses []string
	// std are the packages of the standard library that it may import; nil means
	// any.
	std []string
	// modules are dependencies that only this room may use.
	modules []string
	// pure rooms have no clock, goroutine, channel, standard output or input.
	// Time is an argument.
	pure bool
	// helper rooms are imported by tests and other helpers only. They may import
	// any room, and package testing.
	helper bool
	// closed extends uses to the test files.
	closed bool
}

// pureStd has nothing in it that reaches outside the process or depends on
// anything but its arguments. Types such as time.Duration and netip.Addr are fine;
// clockCalls closes the rest of package time.
var pureStd = []string{
	"bytes", "cmp", "container/heap", "container/list", "encoding/binary", "errors", "fmt",
	"hash", "hash/crc32", "hash/fnv", "iter", "maps", "math", "math/bits", "net/netip",
	"slices", "sort", "strconv", "strings", "time", "unicode", "unicode/utf8",
}

// rooms is the table. A directory with Go files and no row is a finding: a new
// room needs a decision about its arrows.
var rooms = map[string]room{
	// The client side.
	"":                       {uses: []string{"internal/clientproto", "internal/reconnect"}},
	"flush":                  {uses: []string{"", "internal/clientproto"}},
	"workqueue":              {uses: []string{"", "internal/jobtable", "internal/reconnect"}},
	"replica":                {uses: []string{"", "internal/reconnect", "internal/replog"}},
	"internal/reconnect":     {},
	"internal/replog":        {pure: true, std: append([]string{"crypto/sha256", "encoding/hex"}, pureStd...)},
	"internal/jobtable":      {pure: true, std: append([]string{"crypto/sha256", "encoding/hex"}, pureStd...)},
	"cmd/spuser":             {uses: []string{"internal/spuser"}},
	"cmd/sptuser":            {uses: []string{"internal/spuser"}},
	"cmd/spflooder":          {uses: []string{"", "internal/cliargs", "internal/spflooder", "internal/tool"}},
	"internal/spuser":        {uses: []string{"", "internal/cliargs", "internal/tool"}},
	"internal/spflooder":     {uses: []string{"", "internal/hist", "internal/tool"}},
	"cmd/spcheck":            {uses: []string{"", "internal/cliargs", "internal/spcheck", "internal/tool"}},
	"internal/spcheck":       {uses: []string{"", "internal/clientproto", "internal/evscheck"}},
	"cmd/flush_user":         {uses: []string{"internal/cliargs", "internal/flushuser", "internal/tool"}},
	"internal/flushuser":     {uses: []string{"", "flush", "internal/tool"}},
	"cmd/spping":             {uses: []string{"internal/cliargs", "internal/spping"}},
	"cmd/spsend":             {uses: []string{"internal/cliargs", "internal/spsend"}},
	"cmd/sprecv":             {uses: []string{"internal/cliargs", "internal/spsend"}},
	"internal/spsend":        {uses: []string{"internal/tool"}},
	"internal/spping":        {uses: []string{"", "internal/tool"}},
	"cmd/spmonitor":          {uses: []string{"internal/cliargs", "internal/conf", "internal/spmonitor", "internal/tool", "internal/top"}},
	"internal/spmonitor":     {uses: []string{"internal/conf", "internal/monitor", "internal/monproto", "internal/status"}},
	"internal/monitor":       {uses: []string{"internal/conf", "internal/monproto", "internal/seal", "internal/status"}},
	"internal/tool":          {uses: []string{""}},
	"internal/cliargs":       {},
	"internal/hist":          {pure: true, std: pureStd},
	"internal/status":        {pure: true, std: pureStd},
	"internal/console":       {},
	"clients/go/conformance": {uses: []string{""}},

	// The daemon.
	"cmd/spread": {uses: []string{"internal/cliargs", "internal/conf", "internal/daemon", "internal/doctor"}},
	"internal/daemon": {uses: []string{
		"internal/clientproto", "internal/conf", "internal/console", "internal/group", "internal/link", "internal/monproto", "internal/ring",
		"internal/ringproto", "internal/sdnotify", "internal/seal", "internal/session", "internal/stats", "internal/status", "internal/statusd",
	}},
	"internal/doctor":   {uses: []string{"", "internal/conf", "internal/echo", "internal/link", "internal/seal"}},
	"internal/echo":     {uses: []string{"internal/link"}},
	"internal/sdnotify": {},
	"internal/session":  {uses: []string{"internal/clientproto", "internal/conf", "internal/stats"}},
	"internal/statusd":  {uses: []string{"internal/status"}},
	"internal/link":     {uses: []string{"internal/seal", "internal/stats"}},
	"internal/seal":     {},
	"internal/stats":    {pure: true, std: pureStd},
	"internal/conf":     {std: append([]string{"bufio", "io", "io/fs", "path/filepath"}, pureStd...)},

	// The live view of the monitor.
	"internal/top": {
		uses:    []string{"internal/top/cluster", "internal/top/page"},
		modules: []string{"github.com/gdamore/tcell/v3"},
	},
	"internal/top/cluster":      {pure: true, uses: []string{"internal/status"}, std: pureStd},
	"internal/top/page":         {pure: true, uses: []string{"internal/status", "internal/top/cluster"}, std: pureStd},
	"internal/top/toptest":      {helper: true},
	"internal/top/toptest/demo": {helper: true},

	// The pure rooms.
	"internal/group":       {pure: true, uses: []string{"internal/clientproto", "internal/ring", "internal/seqset"}, std: pureStd},
	"internal/ring":        {pure: true, uses: []string{"internal/ringproto", "internal/seqset", "internal/stats"}, std: pureStd},
	"internal/ringproto":   {pure: true, uses: []string{"internal/seqset"}, std: pureStd},
	"internal/clientproto": {pure: true, std: pureStd},
	"internal/monproto":    {pure: true, std: pureStd},
	"internal/seqset":      {pure: true, std: pureStd},
	"internal/evscheck":    {pure: true, uses: []string{"internal/clientproto"}, std: pureStd},

	// Helpers of tests, and rooms that have nothing but tests.
	"internal/fakedaemon":               {helper: true},
	"internal/console/consoletest":      {helper: true},
	"internal/console/consoletest/demo": {helper: true},
	"internal/ring/ringtest":            {helper: true},
	"internal/sim":                      {helper: true},
	"internal/monitor/monitortest":      {helper: true},
	"spreadtest":                        {helper: true},
	"compat":                            {closed: true},
	"examples/sqlreplica":               {},
	"e2e":                               {closed: true, uses: []string{""}},
	"examples/reports":                  {closed: true},
	"clients/conformance":               {closed: true},
	"internal/archtest":                 {closed: true},
	"internal/mutants":                  {helper: true},
	"netns":                             {closed: true, uses: []string{"", "internal/spcheck"}},
	"packaging":                         {closed: true, uses: []string{""}},
	"scripts":                           {closed: true},
}

// dependencies are the modules from elsewhere that programs and library may use.
// Tests may use more.
var dependencies = []string{"golang.org/x/sys"}

// clockCalls are the names in package time that read or run a clock, or read
// the machine's time zones.
var clockCalls = []string{
	"After", "AfterFunc", "LoadLocation", "Local", "NewTicker", "NewTimer", "Now", "Since", "Sleep",
	"Tick", "Until",
}

// terminalCalls are the names in package fmt that use standard output or input.
var terminalCalls = []string{"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"}
