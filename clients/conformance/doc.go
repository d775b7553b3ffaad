// Package conformance holds the scenarios that every client of the repository
// plays, and their runner: go test ./clients/conformance. README.md is the
// protocol between the runner and the drivers of the languages.
package conformance
