# The driver for the conformance suite of the clients: one JSON object a line in,
# one out.

lappend auto_path [file dirname [file dirname [file normalize [info script]]]]
package require gospread
source [file join [file dirname [info script]] json.tcl]

set connections {}

# A connection that comes back, with a receive: what it tells waits in a list.
oo::class create Returning {
    variable inner events woken

    constructor {daemon args} {
        set events {}
        set inner [gospread persistent $daemon [list [self] tell] {*}$args]
    }

    method tell {c m} {
        lappend events $m
        set woken 1
    }
    export tell

    method receive {ms} {
        set timer [after $ms [list set [my varname woken] 1]]
        if {![llength $events]} {vwait [my varname woken]}
        after cancel $timer
        set events [lassign $events m]
        return $m
    }

    method join {group} {$inner join $group}
    method leave {group} {$inner leave $group}
    method multicast {args} {$inner multicast {*}$args}

    method close {} {
        $inner close
        my destroy
    }
}

proc failure {why options} {
    lassign [dict get $options -errorcode] - name code
    if {$name eq "TIMEOUT"} {return [json::object ok false error {"timeout"}]}
    if {$code eq ""} {set code {"driver"}}
    json::object ok false error $code text [json::text $why]
}

proc timeout {} {json::object ok false error {"timeout"}}
proc unsupported {reason} {json::object ok false error {"unsupported"} reason [json::text $reason]}
proc done {args} {json::object ok true}

# A field of a request.
proc field {r key {default ""}} {
    if {[dict exists $r $key]} {return [dict get $r $key]}
    return $default
}

proc shape {m} {
    dict with m {}
    switch $kind {
        regular - reject {
            set fields [list kind [json::text $kind] service [json::text $service] sender [json::text $sender] \
                groups [json::list json::text $groups] type $type data_b64 [json::text [binary encode base64 $data]] \
                endian_mismatch [json::boolean $endian_mismatch] self_discard [json::boolean $self_discard]]
            if {$kind eq "reject"} {lappend fields old_type $old_type request [json::text $request]}
        }
        membership {
            set fields [list kind [json::text $kind] group [json::text $group] cause [json::text $cause] \
                members [json::list json::text $members] index $index id [json::list json::number $id] \
                sets [json::list {json::list json::text} $sets] own_set $own_set]
            if {$changed ne ""} {lappend fields changed [json::text $changed]}
        }
        transition {
            set fields [list kind [json::text $kind] group [json::text $group] id [json::list json::number $id]]
        }
        connected {
            set fields [list kind {"reconnected"} private_group [json::text $privategroup]]
        }
        lost - failed {
            set fields [list kind [json::text $kind]]
        }
        self_leave {
            set fields [list kind [json::text $kind] group [json::text $group]]
        }
    }
    json::object {*}$fields
}

# The sha256 of bytes, in hexadecimal.
proc digest {bytes} {
    set f [file tempfile path]
    chan configure $f -translation binary
    puts -nonewline $f $bytes
    close $f
    set sum [lindex [exec sha256sum <$path] 0]
    file delete $path
    return $sum
}

namespace eval op {}

proc op::hello {r c} {
    json::object ok true language {"tcl"} client [json::text $::gospread::version] features {["poll","threads","any_group","name_free","auth","reconnecting"]}
}

proc op::connect {r c} {
    set options {}
    foreach {key option} {name -name membership -membership priority -priority auth -auth timeout_ms -timeout} {
        if {[dict exists $r $key]} {lappend options $option [dict get $r $key]}
    }
    if {[field $r reconnecting 0]} {
        set c [Returning new [field $r daemon] {*}$options]
        dict set ::connections [dict get $r c] $c
        set m [$c receive [field $r timeout_ms 5000]]
        if {$m eq ""} {return [timeout]}
        return [json::object ok true private_group [json::text [dict get $m privategroup]]]
    }
    set c [gospread::connect [field $r daemon] {*}$options]
    dict set ::connections [dict get $r c] $c
    json::object ok true private_group [json::text [$c privategroup]] \
        daemon_version [json::list json::number [$c version]]
}

proc op::join {r c} {done [$c join [dict get $r group]]}
proc op::leave {r c} {done [$c leave [dict get $r group]]}

proc op::disconnect {r c} {
    dict unset ::connections [dict get $r c]
    done [$c close]
}

proc op::abort {r c} {
    dict unset ::connections [dict get $r c]
    done [$c destroy]
}

proc op::stall {r c} {done} ;# nothing is read unless asked for
proc op::resume {r c} {done}

proc op::multicast {r c} {
    set data [binary decode base64 [field $r data_b64]]
    set times [field $r repeat 1]
    set options [list -service [field $r service agreed] -type [field $r type 0] -selfdiscard [field $r self_discard 0]]
    for {set i 0} {$i < $times} {incr i} {
        set sent [$c multicast [dict get $r groups] $data {*}$options]
    }
    json::object ok true sent [expr {$sent * $times}]
}

proc op::receive {r c} {
    set m [$c receive [field $r timeout_ms]]
    if {$m eq ""} {return [timeout]}
    json::object ok true message [shape $m]
}

proc op::receive_into {r c} {unsupported "strings have no fixed size; receive takes a message of any size"}

proc op::drain {r c} {
    set count 0
    set bytes 0
    set all ""
    set start ""
    set deadline [gospread::deadline [field $r timeout_ms 60000]]
    set head [list ok true]
    while {$count < [dict get $r count]} {
        try {
            set m [$c receive [gospread::remaining $deadline]]
        } on error {why options} {
            set head [list ok false error [lindex [dict get $options -errorcode] 2] text [json::text $why]]
            break
        }
        if {$m eq ""} {
            set head [list ok false error {"timeout"}]
            break
        }
        if {[dict get $m kind] ne "regular"} continue
        if {$start eq ""} {set start [clock microseconds]}
        incr count
        incr bytes [string length [dict get $m data]]
        append all [binary format a*xa* [dict get $m sender] [dict get $m data]]
    }
    set took [expr {$start eq "" ? 0 : ([clock microseconds] - $start) / 1e6}]
    json::object {*}$head count $count bytes $bytes seconds $took digest [json::text [digest $all]]
}

proc op::poll {r c} {json::object ok true bytes [$c poll]}

# Closes the connection while a receive waits in the event loop.
proc op::close_wakes {r c} {
    dict unset ::connections [dict get $r c]
    after 0 [list $c close]
    try {
        $c receive [field $r timeout_ms]
    } trap GOSPREAD {- options} {
        return [json::object ok true woken [lindex [dict get $options -errorcode] 2]]
    }
    json::object ok true woken 0
}

proc answer {r} {
    set op [dict get $r op]
    if {$op eq "exit"} {return [done]}
    if {![llength [info procs op::$op]]} {return [unsupported "no operation $op"]}
    set c [field $r c]
    if {$c ne "" && $op ne "connect"} {
        if {![dict exists $::connections $c]} {
            return [json::object ok false error -11 text [json::text "no connection $c"]]
        }
        set c [dict get $::connections $c]
    }
    op::$op $r $c
}

chan configure stdin -encoding utf-8
chan configure stdout -buffering line
while {[gets stdin line] >= 0} {
    set r [json::parse $line]
    try {
        set reply [answer $r]
    } on error {why options} {
        set reply [failure $why $options]
    }
    puts $reply
    if {[dict get $r op] eq "exit"} break
}
