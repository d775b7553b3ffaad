# A daemon's side of a connection that says what a test wants.

namespace eval fake {
    variable greeting
    variable chan ""
    variable got ""
    variable listener ""
}

proc fake::greeting {{private #me#d} {version {5 0 1}}} {
    binary format ca*cc3ca* 5 "NULL " 1 $version [string length $private] $private
}

# Listens; whoever connects gets the greeting. Returns the daemon's name.
proc fake::listen {{hello ""}} {
    variable greeting $hello
    variable got ""
    variable listener [socket -server fake::accept -myaddr 127.0.0.1 0]
    return [lindex [chan configure $listener -sockname] 2]@127.0.0.1
}

proc fake::accept {c args} {
    variable chan $c
    variable greeting
    chan configure $c -translation binary -blocking 0 -buffering none
    chan event $c readable [list fake::arrived $c]
    puts -nonewline $c $greeting
}

proc fake::arrived {c} {
    append fake::got [read $c]
    if {[eof $c]} {chan event $c readable {}}
}

# A connection to one.
proc fake::connect {args} {
    set hello [expr {[llength $args] % 2 ? [lindex $args 0] : [greeting]}]
    if {[llength $args] % 2} {set args [lrange $args 1 end]}
    set daemon [listen $hello]
    try {
        return [gospread::connect $daemon -name me -linger 0 {*}$args]
    } finally {
        variable listener
        close $listener
        set listener ""
    }
}

proc fake::say {args} {puts -nonewline $fake::chan [join $args ""]}

proc fake::end {} {
    close $fake::chan
    set fake::chan ""
}

# Ends both sides.
proc fake::done {c} {
    if {[info object isa object $c]} {$c destroy}
    if {$fake::chan ne ""} {end}
}

# Bytes of a message from #you#d.
proc fake::data {text {group g} {word 0x10} {type 5}} {
    gospread::wire::encode $word [binary format a32 #you#d] [binary format a32 $group] 1 $type $text
}
