// Package reports is an example: slow reports, ordered on a web page, made by workers.
// README.md tells how it works. The Go code here only tests it, in a real browser.
package reports
