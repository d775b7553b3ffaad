# gospread: client for the Spread toolkit, group messaging with ordered delivery
# and views. The reference is the README.

package require Tcl 8.6-

namespace eval gospread {
    variable version 1.0.0
    namespace export connect persistent
    namespace ensemble create
}

apply {{home} {
    foreach file {errors wire address connection persistent} {
        uplevel #0 [list source -encoding utf-8 [file join $home $file.tcl]]
    }
}} [file dirname [info script]]

package provide gospread $gospread::version
