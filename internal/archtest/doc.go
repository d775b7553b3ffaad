// Package archtest holds tests only: they read the source of the whole module
// and check the rules of its structure. Which room may import which, what the
// pure rooms may call, and that no test waits for the wall clock, is in the
// table of rules_test.go, and that table is the authority. The linter
// configuration repeats a few of the rules so that editors show them early.
package archtest
