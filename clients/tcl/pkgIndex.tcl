if {![package vsatisfies [package provide Tcl] 8.6-]} return
package ifneeded gospread 1.0.0 [list source [file join $dir gospread.tcl]]
