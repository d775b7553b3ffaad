package conf

import "strings"

// EventFlags is a set of event types (configuration and tools 4.2).
type EventFlags uint32

// The event types of release 5.
const (
	FlagExit          EventFlags = 0x1
	FlagDataLink      EventFlags = 0x2
	FlagMemory        EventFlags = 0x4
	FlagEvents        EventFlags = 0x8
	FlagPrint         EventFlags = 0x10
	FlagNetwork       EventFlags = 0x20
	FlagProtocol      EventFlags = 0x40
	FlagSession       EventFlags = 0x80
	FlagConfiguration EventFlags = 0x100
	FlagMembership    EventFlags = 0x200
	FlagFlowControl   EventFlags = 0x400
	FlagStatus        EventFlags = 0x800
	FlagDebug         EventFlags = 0x1000
	FlagGroups        EventFlags = 0x2000
	FlagSkiplist      EventFlags = 0x200000
	FlagACM           EventFlags = 0x400000
	FlagSecurity      EventFlags = 0x800000
	FlagAll           EventFlags = 0xffffffff
	FlagNone          EventFlags = 0
)

// eventFlags in the order in which they are written out.
var eventFlags = []struct {
	name string
	flag EventFlags
}{
	{"EXIT", FlagExit}, {"DATA_LINK", FlagDataLink}, {"MEMORY", FlagMemory}, {"EVENTS", FlagEvents},
	{"PRINT", FlagPrint}, {"NETWORK", FlagNetwork}, {"PROTOCOL", FlagProtocol}, {"SESSION", FlagSession},
	{"CONFIGURATION", FlagConfiguration}, {"MEMBERSHIP", FlagMembership}, {"FLOW_CONTROL", FlagFlowControl},
	{"STATUS", FlagStatus}, {"DEBUG", FlagDebug}, {"GROUPS", FlagGroups}, {"SKIPLIST", FlagSkiplist},
	{"ACM", FlagACM}, {"SECURITY", FlagSecurity}, {"ALL", FlagAll}, {"NONE", FlagNone},
}

// String gives the set as DebugFlags would be written. Bits without a name need ALL and the names of what is absent.
func (f EventFlags) String() string {
	words := []string{"{"}
	var named EventFlags
	for _, e := range eventFlags {
		if e.flag != FlagAll {
			named |= e.flag
		}
	}
	all := f&^named != 0
	if all {
		words = append(words, "ALL")
	}
	for _, e := range eventFlags {
		switch {
		case e.flag == FlagAll || e.flag == FlagNone:
		case all && f&e.flag == 0:
			words = append(words, "!"+e.name)
		case !all && f&e.flag != 0:
			words = append(words, e.name)
		}
	}
	return strings.Join(append(words, "}"), " ")
}

// Level is the weight of a message.
type Level uint8

// The levels of release 5. FATAL in the file is LevelPrint: it shows only lines that cannot be hidden.
const (
	LevelDebug    Level = 1
	LevelInfo     Level = 2
	LevelWarning  Level = 3
	LevelError    Level = 4
	LevelCritical Level = 5
	LevelPrint    Level = 6
	LevelFatal    Level = 7
)

var levels = []struct {
	name  string
	level Level
}{
	{"pDEBUG", LevelDebug}, {"INFO", LevelInfo}, {"WARNING", LevelWarning},
	{"ERROR", LevelError}, {"CRITICAL", LevelCritical}, {"FATAL", LevelPrint},
}

// String gives the spelling used in the file.
func (l Level) String() string {
	for _, e := range levels {
		if e.level == l {
			return e.name
		}
	}
	return "FATAL"
}

// Logging holds the options that decide what the log shows and where it goes.
type Logging struct {
	Mask     EventFlags
	Priority Level
	File     string // empty: standard output
	Stamp    TimeStamp
	Format   LogFormat
}

// LogFormat is how the lines of the log look.
type LogFormat uint8

// The formats.
const (
	LogText LogFormat = iota // [stamp ]message, as in release 5
	LogJSON                  // one JSON object a line
)

// String gives the spelling used in the file.
func (f LogFormat) String() string { return [...]string{"text", "json"}[f] }

// defaultLogging is what holds until the file says something else.
var defaultLogging = Logging{Mask: FlagPrint | FlagExit | FlagConfiguration, Priority: LevelInfo}

// Shows reports whether a message of that level and type is logged. Flags cannot hide messages of LevelPrint and above.
func (l Logging) Shows(level Level, flags EventFlags) bool {
	return flags&FlagExit != 0 || level >= LevelPrint || level >= l.Priority && flags&l.Mask != 0
}
