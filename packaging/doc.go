// Package packaging holds tests only: they build the packages, manual pages and
// completions as the scripts do, and use them as the systems would that they are for.
package packaging
