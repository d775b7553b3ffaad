# A connection to a daemon. What its methods promise is in the README.

namespace eval gospread {
    variable Chunk 65536 ;# bytes read at once
    variable connectOptions {
        -name "" -membership 1 -priority 0 -auth NULL -timeout 30000 -linger 1000
        -sendtimeout "" -coroutine 0
    }
    variable sendOptions {-service agreed -type 0 -selfdiscard 0}
    variable pauses 0 ;# numbers the waits of the event loop
    variable woken ;# array of those that are over, and why
}

# Connects to a daemon and returns the connection, a command.
proc gospread::connect {args} {
    set daemon ""
    if {[llength $args] % 2} {set args [lassign $args daemon]}
    variable connectOptions
    set o [options connect $connectOptions $args]
    checkconnect $o
    lassign [address $daemon] host port
    set c [Connection new $o]
    try {
        [info object namespace $c]::my Open $host $port
    } on error {why options} {
        if {[info object isa object $c]} {$c destroy}
        return -options $options $why
    }
    return $c
}

# Defaults with options over them.
proc gospread::options {op defaults given} {
    if {[llength $given] % 2} {throw {GOSPREAD USAGE} "$op: option [lindex $given end] has no value"}
    dict for {key value} $given {
        if {![dict exists $defaults $key]} {
            throw {GOSPREAD USAGE} "$op: unknown option \"$key\", must be [join [dict keys $defaults] {, }]"
        }
        dict set defaults $key $value
    }
    return $defaults
}

# Checks options of connect; lengths of time are in milliseconds, "" is for ever.
proc gospread::checkconnect {o} {
    foreach option {-membership -priority -coroutine} {
        if {![string is boolean -strict [dict get $o $option]]} {
            throw {GOSPREAD USAGE} "connect: $option \"[dict get $o $option]\", must be a boolean"
        }
    }
    foreach option {-timeout -linger -sendtimeout} {
        checktime connect $option [dict get $o $option]
    }
    set bad [wire::badprivate [dict get $o -name]]
    if {$bad ne ""} {fail REJECT_ILLEGAL_NAME connect $bad}
    set methods [dict get $o -auth]
    if {[llength $methods] ni {1 2}} {
        fail REJECT_AUTH connect "[llength $methods] authentication methods, must be 1 or 2"
    }
    foreach method $methods {
        if {$method ni {NULL IP}} {
            fail REJECT_AUTH connect "authentication method $method, must be NULL or IP"
        }
    }
}

proc gospread::checktime {op what ms} {
    if {![string is integer $ms] || $ms ne "" && $ms < 0} {
        throw {GOSPREAD USAGE} "$op: $what \"$ms\", must be milliseconds or empty"
    }
}

# Fails because the connection was ended by this side.
proc gospread::ended {op} {fail ILLEGAL_SESSION $op "this side has closed the connection"}

# Resumes a coroutine that waits, if it still does.
proc gospread::resume {coroutine why} {
    if {[llength [info commands $coroutine]]} {$coroutine $why}
}

# Milliseconds up to a deadline, "" if there is none.
proc gospread::remaining {deadline} {
    if {$deadline eq ""} {return ""}
    expr {max($deadline - [clock milliseconds], 0)}
}

proc gospread::deadline {ms} {
    if {$ms eq ""} {return ""}
    expr {[clock milliseconds] + $ms}
}

oo::class create gospread::Connection {
    # chan: the channel, empty before and after. buf: bytes read, of which those
    # from pos on have not been used. private, padded: the client's private group,
    # as it is and as it travels. lost: why the connection is broken, empty if it is
    # not. sleepers: by number, what they wait for, how to wake them, their timer.
    # callback: a command prefix. due: its next call from the event loop. closing:
    # whether this side has taken leave.
    variable chan buf pos private padded version old lost sleepers callback due closing o

    constructor {options} {
        set o $options
        set chan ""
        set buf ""
        set pos 0
        set private ""
        set old 0
        set lost ""
        set sleepers {}
        set callback ""
        set due ""
        set closing 0
    }

    # Whoever waits gets ILLEGAL_SESSION.
    destructor {
        after cancel $due
        if {$chan ne ""} {catch {close $chan}}
        foreach sleeper [dict values $sleepers] {
            lassign $sleeper mode wake timer
            after cancel $timer
            after 0 [list {*}$wake closed]
        }
    }

    # Waiting -----------------------------------------------------------------

    # Waits for the channel: returns ready, timeout, or closed if the connection
    # was ended meanwhile - then the object is gone, and nothing of it may be used.
    method Pause {mode deadline} {
        set ms [gospread::remaining $deadline]
        if {$ms eq "0"} {return timeout}
        set number [incr ::gospread::pauses]
        set yielding [expr {[dict get $o -coroutine] && [info coroutine] ne ""}]
        if {$yielding} {
            set wake [list ::gospread::resume [info coroutine]]
        } else {
            set wake [list set ::gospread::woken($number)]
        }
        set timer ""
        if {$ms ne ""} {set timer [after $ms [list [namespace which my] Wake $number timeout]]}
        dict set sleepers $number [list $mode $wake $timer]
        my Watch $mode
        if {$yielding} {return [yield]}
        set self [self]
        vwait ::gospread::woken($number)
        set why $::gospread::woken($number)
        unset ::gospread::woken($number)
        # Others may have ended the connection between the event and here.
        if {![info object isa object $self]} {return closed}
        return $why
    }

    # Wakes a sleeper, once.
    method Wake {number why} {
        if {![dict exists $sleepers $number]} return
        lassign [dict get $sleepers $number] mode wake timer
        after cancel $timer
        dict unset sleepers $number
        my Watch $mode
        {*}$wake $why
    }

    # Has the event loop call Ready if somebody waits for that.
    method Watch {mode} {
        set script ""
        dict for {number sleeper} $sleepers {
            if {[lindex $sleeper 0] eq $mode} {set script [list [namespace which my] Ready $mode]}
        }
        if {$mode eq "readable" && $callback ne ""} {set script [list [namespace which my] Arrived]}
        chan event $chan $mode $script
    }

    # Those who are woken may end the connection.
    method Ready {mode} {
        set self [self]
        dict for {number sleeper} $sleepers {
            if {[lindex $sleeper 0] eq $mode} {my Wake $number ready}
            if {![info object isa object $self]} return
        }
    }

    # Reads what is there, without waiting; returns whether there was anything.
    # At the end, sets lost.
    method Take {} {
        try {
            set more [read $chan $::gospread::Chunk]
        } on error why {
            set lost $why
            return 1
        }
        if {$more eq ""} {
            if {![eof $chan]} {return 0}
            set lost "the daemon closed the connection; its log may tell why"
            return 1
        }
        if {$pos >= [string length $buf]} {
            set buf $more
        } else {
            if {$pos > 0} {set buf [string range $buf $pos end]}
            append buf $more
        }
        set pos 0
        return 1
    }

    # Writes bytes and returns when all have gone out.
    method Put {op bytes} {
        if {$closing} {gospread::ended $op}
        if {$lost ne ""} {gospread::fail CONNECTION_CLOSED $op $lost}
        set deadline ""
        try {
            puts -nonewline $chan $bytes
            flush $chan
            while {[chan pending output $chan] > 0} {
                if {$deadline eq ""} {set deadline [gospread::deadline [dict get $o -sendtimeout]]}
                switch [my Pause writable $deadline] {
                    closed {gospread::ended $op}
                    timeout {error "the daemon did not take a message within [dict get $o -sendtimeout] ms"}
                }
                flush $chan
            }
        } trap GOSPREAD {why options} {
            return -options $options $why
        } on error why {
            my Rescue
            set lost $why
            if {$closing} {gospread::ended $op}
            gospread::fail CONNECTION_CLOSED $op $why
        }
    }

    # Reads what came before the connection was lost. The first read may tell once
    # more that writing failed.
    method Rescue {} {
        set failures 0
        while {$failures < 2 && [string length $buf] < $::gospread::wire::MaxFrame} {
            set lost ""
            if {![my Take]} break
            if {$lost ne ""} {incr failures}
        }
    }

    # Connecting --------------------------------------------------------------

    method Open {host port} {
        set where [expr {[string match *:* $host] ? "\[$host\]:$port" : "$host:$port"}]
        set op "connect to daemon at $where"
        set deadline [gospread::deadline [dict get $o -timeout]]
        my Dial $op $host $port $deadline
        chan configure $chan -blocking 0 -translation binary -buffering full -buffersize $::gospread::Chunk
        catch {chan configure $chan -nodelay 1 -keepalive 1} ;# as of Tcl 9
        # A daemon that refuses at once may have closed by now; its reason, which
        # is read next, is worth more than the failure to write.
        my Say [gospread::wire::hello [dict get $o -name] [dict get $o -membership] [dict get $o -priority]]
        set offered [my Piece $op authlist $deadline]
        foreach method [dict get $o -auth] {
            if {$method ni [lindex $offered 0]} {
                gospread::fail REJECT_AUTH $op "the daemon does not offer authentication method $method, only $offered"
            }
        }
        my Say [gospread::wire::choice [dict get $o -auth]]
        lassign [my Piece $op accept $deadline] private version
        set padded [binary format a32 $private]
        set old [expr {[lindex $version 0] == 3}]
        if {$old && [dict get $o -priority] && [lindex $version 1] < 8} {
            gospread::fail REJECT_VERSION $op "priorities need a daemon of 3.8 or later"
        }
    }

    method Dial {op host port deadline} {
        try {
            set chan [socket -async $host $port]
        } on error why {
            set name [expr {[regexp {not known|No address} $why] ? "ILLEGAL_SPREAD" : "COULD_NOT_CONNECT"}]
            gospread::fail $name $op "$why; check the host in PORT@HOST"
        }
        while {1} {
            switch [my Pause writable $deadline] {
                closed {gospread::ended $op}
                timeout {gospread::fail CONNECTION_CLOSED $op timeout}
            }
            if {![chan configure $chan -connecting]} break
        }
        set why [chan configure $chan -error]
        if {$why ne ""} {
            gospread::fail COULD_NOT_CONNECT $op "$why; is the daemon running there, and is this its port?"
        }
    }

    method Say {bytes} {
        catch {
            puts -nonewline $chan $bytes
            flush $chan
        }
    }

    # Reads one piece of the handshake, however fragmented.
    method Piece {op parser deadline} {
        while {1} {
            set rest [lassign [gospread::wire::$parser [string range $buf $pos end]] used]
            if {$used eq "0"} {gospread::refuse [lindex $rest 0] $op}
            if {$used ne ""} {
                incr pos $used
                return $rest
            }
            if {$lost ne ""} {
                gospread::fail CONNECTION_CLOSED $op "the daemon broke off the handshake ($lost)"
            }
            if {[my Take]} continue
            switch [my Pause readable $deadline] {
                closed {gospread::ended $op}
                timeout {gospread::fail CONNECTION_CLOSED $op timeout}
            }
        }
    }

    # Sending -----------------------------------------------------------------

    method Request {op type group} {
        set bad [gospread::wire::badgroup $group]
        if {$bad ne ""} {gospread::fail ILLEGAL_GROUP $op $bad}
        my Put $op [gospread::wire::encode $type $padded [binary format a32 $group] 1 0 ""]
        return
    }

    method join {group} {my Request join $::gospread::wire::Join $group}
    method leave {group} {my Request leave $::gospread::wire::Leave $group}

    method multicast {groups data args} {
        set service agreed
        set messtype 0
        set selfdiscard 0
        if {[llength $args]} {
            set given [gospread::options multicast $::gospread::sendOptions $args]
            set service [dict get $given -service]
            set messtype [dict get $given -type]
            set selfdiscard [dict get $given -selfdiscard]
        }
        if {![dict exists $::gospread::wire::services $service]} {
            gospread::fail ILLEGAL_SERVICE multicast \
                "service \"$service\", must be one of [join [dict keys $::gospread::wire::services] {, }]"
        }
        set type [dict get $::gospread::wire::services $service]
        if {$selfdiscard} {set type [expr {$type | $::gospread::wire::SelfDiscard}]}
        if {![string is integer -strict $messtype] || $messtype < -32768 || $messtype > 32767} {
            throw {GOSPREAD USAGE} "multicast: type \"$messtype\", must be an integer from -32768 to 32767"
        }
        set n [llength $groups]
        if {$n < 1 || $n > $::gospread::wire::MaxGroups} {
            gospread::fail ILLEGAL_GROUP multicast "$n groups, must be 1 to $::gospread::wire::MaxGroups"
        }
        set names ""
        foreach group $groups {
            set bad [gospread::wire::badtarget $group]
            if {$bad ne ""} {gospread::fail ILLEGAL_GROUP multicast $bad}
            append names [binary format a32 $group]
        }
        if {![gospread::wire::isbytes $data]} {
            throw {GOSPREAD USAGE} "multicast: data has characters above 255; encode it first (encoding convertto)"
        }
        set length [string length $data]
        set body [expr {$length + 32 * $n}]
        if {$body > $::gospread::wire::MaxBody} {
            gospread::fail MESSAGE_TOO_LONG multicast "$length bytes of data and $n groups make $body bytes,\
                a daemon takes at most $::gospread::wire::MaxBody"
        }
        my Put multicast [gospread::wire::encode $type $padded $names $n $messtype $data]
        return $length
    }

    # Receiving ---------------------------------------------------------------

    # The next whole message of the buffer, {} if there is none.
    method Next {} {
        if {[string length $buf] - $pos < $::gospread::wire::Header} return
        try {
            set h [gospread::wire::header $buf $pos]
            set size [lindex $h 0]
            if {[string length $buf] - $pos < $size} return
            set m [gospread::wire::decode $buf $pos $h $private $old]
            incr pos $size
            return $m
        } trap {GOSPREAD WIRE} why {
            set lost "the daemon sent $why; the connection was given up"
            set buf ""
            set pos 0
            gospread::fail ILLEGAL_MESSAGE receive $lost
        }
    }

    method receive {{ms ""}} {
        gospread::checktime receive timeout $ms
        if {$callback ne ""} {throw {GOSPREAD USAGE} "receive: messages go to the callback"}
        set deadline ""
        while {1} {
            if {$closing} {gospread::ended receive}
            set m [my Next]
            if {$m ne ""} {return $m}
            if {$lost ne ""} {gospread::fail CONNECTION_CLOSED receive $lost}
            if {[my Take]} continue
            if {$deadline eq ""} {set deadline [gospread::deadline $ms]}
            switch [my Pause readable $deadline] {
                closed {gospread::ended receive}
                timeout {return {}}
            }
        }
    }

    method poll {} {
        if {[string length $buf] - $pos < $::gospread::Chunk && $lost eq ""} {my Take}
        expr {[string length $buf] - $pos}
    }

    method callback {args} {
        if {![llength $args]} {return $callback}
        if {[llength $args] > 1} {throw {TCL WRONGARGS} "wrong # args: should be \"callback ?commandPrefix?\""}
        if {[lindex $args 0] ne "" && "readable" in [lmap sleeper [dict values $sleepers] {lindex $sleeper 0}]} {
            throw {GOSPREAD USAGE} "callback: a receive is waiting"
        }
        set callback [lindex $args 0]
        after cancel $due
        my Watch readable
        if {$callback ne ""} {
            set due [after 0 [list [namespace which my] Arrived]] ;# what was read before
        }
        return
    }

    # From the event loop: hands on what is there. An error of the callback is a
    # background error, and the messages behind it come later.
    method Arrived {} {
        after cancel $due
        if {$lost eq ""} {my Take}
        set self [self]
        while {$callback ne ""} {
            try {
                set m [my Next]
            } on error {why options} {
                set m [dict create kind lost code [lindex [dict get $options -errorcode] 1] text $why]
            }
            if {$m eq ""} {
                if {$lost eq ""} return
                set m [dict create kind lost code CONNECTION_CLOSED text $lost]
            }
            set call $callback
            if {[dict get $m kind] eq "lost"} {
                my callback ""
            } else {
                set due [after 0 [list [namespace which my] Arrived]] ;# should the callback fail
            }
            uplevel #0 [list {*}$call $self $m]
            if {![info object isa object $self]} return
            after cancel $due
        }
    }

    # Ending ------------------------------------------------------------------

    # Takes leave, waits until the daemon has confirmed, and ends the connection.
    method close {} {
        set deadline [gospread::deadline [dict get $o -linger]]
        my callback ""
        set closing 1
        set self [self]
        if {$lost eq ""} {
            my Say [gospread::wire::encode $::gospread::wire::Kill $padded $padded 1 0 ""]
            while {$lost eq ""} {
                set buf ""
                if {[my Take]} continue
                if {[my Pause readable $deadline] ne "ready"} break
            }
        }
        if {[info object isa object $self]} {my destroy}
    }

    # What is known -----------------------------------------------------------

    method privategroup {} {return $private}
    method name {} {lindex [split $private #] 1}
    method daemon {} {join [lrange [split $private #] 2 end] #}
    method version {} {return $version}
    method channel {} {return $chan}
}
