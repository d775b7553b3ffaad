// Package conf reads spread.conf: the whole language of release 5 (configuration and tools 1 to 5),
// the keywords that only earlier releases knew, and a few directives of our own.
//
// [Parse] turns the bytes of a file into a [Config] or into an [*Error] that names file, line, column, the
// offending text and what would be right; it stops at the first error. A Config answers what a daemon and the
// tools ask: which daemons there are, which of them this is ([Config.Self]), the configuration hash
// ([Config.Hash]), the lines of the start-up report ([Config.Report]), a description for a person or a script
// ([Config.Describe]), and what a reload may change at once ([Changed]).
//
// The package opens no file, asks no clock and no network: name lookup comes in through [Env], file access
// through the argument of [Find].
package conf
