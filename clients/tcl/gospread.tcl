# gospread: client for the Spread toolkit, group messaging with ordered delivery
# and views. The reference is doc/gospread.n.

package require Tcl 8.6-

namespace eval gospread {
    variable version 1.0.0
    variable home [file dirname [info script]]
    namespace export connect persistent
    namespace ensemble create
}

foreach file {errors wire address connection persistent} {
    source -encoding utf-8 [file join $gospread::home $file.tcl]
}
unset file

package provide gospread $gospread::version
