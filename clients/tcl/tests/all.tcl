# Runs the tests: tclsh tests/all.tcl. Those against a daemon need
# SPREAD_TEST_DAEMON=PORT@HOST and SPREAD_TEST_SPREAD, the daemon's program.

package require tcltest
namespace import tcltest::test
set home [file dirname [file dirname [file normalize [info script]]]]
lappend auto_path $home
package require gospread

tcltest::testConstraint daemon [info exists env(SPREAD_TEST_DAEMON)]
tcltest::testConstraint program [info exists env(SPREAD_TEST_SPREAD)]
tcltest::configure {*}$argv

# Nothing here takes that long: whatever waits, waits in vain.
after 60000 {
    puts stderr "the tests hang"
    exit 1
}

# Errors that nobody caught fail the run.
set uncaught {}
interp bgerror {} [list apply {{why options} {lappend ::uncaught [dict get $options -errorinfo]}}]

# The result of a script and, if it fails, the name of the error.
proc attempt {script} {
    try {
        uplevel 1 $script
    } trap GOSPREAD {why options} {
        lindex [dict get $options -errorcode] 1
    }
}

# Waits until a condition in the caller is true, while events are handled.
proc await {condition {ms 5000}} {
    set late [after $ms {set ::await late}]
    while {![uplevel 1 [list expr $condition]]} {
        set tick [after 1 {set ::await tick}]
        vwait ::await
        after cancel $tick
        if {$::await eq "late"} {error "waited in vain for $condition"}
    }
    after cancel $late
}

source [file join $home tests fake.tcl]
source [file join $home tests daemons.tcl]
source [file join $home conformance json.tcl]
foreach file [lsort [glob -directory [file join $home tests] *.test]] {source $file}

tcltest::test uncaught "no error in the background" -body {set ::uncaught} -result {}
set failed $tcltest::numTests(Failed)
tcltest::cleanupTests
exit [expr {$failed > 0}]
