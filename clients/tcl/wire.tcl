# The bytes of the protocol (client protocol 2 to 5). Pure: no channel, no clock.
#
# Parsers throw {GOSPREAD WIRE} for what no daemon may send.

namespace eval gospread::wire {
    variable Header 48
    variable MaxName 31
    variable MaxPrivate 10
    variable MaxGroups 100
    # Most bytes of data and names, 32 each, that daemons take in a message.
    variable MaxBody 143952
    variable MaxData 144000
    # Views may be longer than any data message; this keeps a broken daemon from
    # making the client hold more.
    variable MaxFrame [expr {8 << 20}]
    # Sets without members in a view: one for each daemon there may be.
    variable MaxEmptySets 128

    variable Marker 0x80000080
    variable SelfDiscard 0x40
    variable Join 0x10000
    variable Leave 0x20000
    variable Kill 0x40000

    variable services {unreliable 1 reliable 2 fifo 4 causal 8 agreed 16 safe 32}
    variable serviceOf {1 unreliable 2 reliable 4 fifo 8 causal 16 agreed 32 safe}
    variable causeOf {256 join 512 leave 1024 disconnect 2048 network}
    # Whether this machine is little-endian.
    variable little [expr {$::tcl_platform(byteOrder) eq "littleEndian"}]
}

proc gospread::wire::bad {why} {
    throw {GOSPREAD WIRE} $why
}

# Whether a string is bytes: each character is one.
proc gospread::wire::isbytes {s} {
    expr {![catch {binary format a* $s} bytes] && $bytes eq $s}
}

# Why s is no private name; empty if it is one.
proc gospread::wire::badprivate {s} {
    variable MaxPrivate
    if {[string length $s] > $MaxPrivate} {
        return "private name \"$s\": [string length $s] bytes, must be at most $MaxPrivate"
    }
    if {![regexp {^[$-~]*$} $s]} {
        return "private name \"$s\": bytes must be printable ASCII from \$ to ~ (no blanks, quotes, # or !)"
    }
}

# Why s is no group to join or leave.
proc gospread::wire::badgroup {s} {
    variable MaxName
    set n [string length $s]
    if {$n < 1 || $n > $MaxName} {
        return "group \"$s\": $n bytes, must be 1 to $MaxName"
    }
    if {![regexp {^[$-~]*$} $s]} {
        return "group \"$s\": bytes must be printable ASCII from \$ to ~ (no blanks, quotes, # or !)"
    }
}

# Why no message can be sent to s. Any bytes but zero will do: other clients may
# have joined such groups.
proc gospread::wire::badtarget {s} {
    variable MaxName
    set n [string length $s]
    if {$n < 1 || $n > $MaxName} {
        return "group \"$s\": $n bytes, must be 1 to $MaxName"
    }
    if {![regexp {^[\u0001-\u00ff]*$} $s]} {
        return "group \"$s\": must be bytes without a zero; encode it first"
    }
}

# Handshake -------------------------------------------------------------------

# The hello (2.1).
proc gospread::wire::hello {name membership priority} {
    set flags [expr {!!$membership | (!!$priority << 4)}]
    binary format c5a* [list 5 0 1 $flags [string length $name]] $name
}

# The authentication choice (2.6).
proc gospread::wire::choice {methods} {
    lassign $methods a b
    binary format a30a30a30 $a $b ""
}

# The authentication list (2.5) at the beginning of bytes: {} if more bytes are
# needed, {used methods}, {0 code} for a refusal, or {0 0} for what is no list.
proc gospread::wire::authlist {bytes} {
    if {![binary scan $bytes c n]} {return {}}
    if {$n < 0} {return [list 0 $n]}
    if {[string length $bytes] <= $n} {return {}}
    binary scan $bytes x1a$n list
    if {![regexp {^[ -~]*$} $list]} {return {0 0}}
    return [list [expr {$n + 1}] [split [string trim $list]]]
}

# The accept (2.7): {} if more bytes are needed, {used privategroup version}, or
# {0 code} for a refusal.
proc gospread::wire::accept {bytes} {
    variable MaxName
    if {![binary scan $bytes c code]} {return {}}
    if {$code != 1} {return [list 0 $code]}
    if {[binary scan $bytes x1c3cu version n] < 2} {return {}}
    lassign $version major minor patch
    if {$major < 3 || $minor < 0 || $patch < 0} {return [list 0 -7]}
    if {$n < 1 || $n > $MaxName} {return [list 0 -8]}
    if {[string length $bytes] < $n + 5} {return {}}
    binary scan $bytes x5a$n private
    return [list [expr {$n + 5}] $private $version]
}

# Messages --------------------------------------------------------------------

# A message as it travels, in the order of this machine. names are padded to 32
# bytes each, n is their number.
proc gospread::wire::encode {type sender names n messtype data} {
    variable little
    variable Marker
    set hint [expr {($messtype & 0xffff) << 8}]
    if {$little} {
        return [binary format ia32iiia*a* [expr {$type | $Marker}] $sender $n \
            [expr {$hint | $Marker}] [string length $data] $names $data]
    }
    binary format Ia32IIIa*a* $type $sender $n $hint [string length $data] $names $data
}

# Reads the header at pos, where 48 bytes stand: {size type groups data little}.
proc gospread::wire::header {buf pos} {
    variable Marker
    variable MaxGroups
    variable MaxData
    variable MaxFrame
    binary scan $buf @${pos}iux32iux4iu type groups data
    set mark [expr {$type & $Marker}]
    set little 1
    if {$mark == $Marker} {
        set type [expr {$type & ~$Marker}]
    } elseif {$mark == 0} {
        binary scan $buf @${pos}Iux32Iux4Iu type groups data
        set little 0
    } else {
        bad "a type word of neither byte order"
    }
    set size [expr {48 + $groups * 32 + $data + ($type & 0x400000 ? 4 : 0)}]
    if {$type & 0x40003f && ($groups > $MaxGroups || $data > $MaxData) || $size > $MaxFrame} {
        bad "a message with $groups groups and $data bytes of data"
    }
    list $size $type $groups $data $little
}

# A name of 32 bytes, up to the first zero.
proc gospread::wire::strip {raw} {
    set zero [string first \0 $raw]
    if {$zero < 0} {return $raw}
    string range $raw 0 $zero-1
}

# The names at pos, n of them.
proc gospread::wire::names {buf pos n} {
    set list {}
    for {set end [expr {$pos + $n * 32}]} {$pos < $end} {incr pos 32} {
        binary scan $buf @${pos}a32 raw
        lappend list [strip $raw]
    }
    return $list
}

# Makes a dict of the message at pos; h is what header said, private the client's
# private group, old whether the daemon is of 3.x.
proc gospread::wire::decode {buf pos h private old} {
    lassign $h size type groups data order
    if {$type & 0x400000} {
        return [reject $buf $pos $groups $data $private]
    } elseif {$type & 0x3f} {
        # A service makes it data, whatever else is set: clients can forge the rest (3.3).
        return [regular $buf $pos $type $groups $data [expr {$pos + 48}]]
    } elseif {$type & 0x1000} {
        return [view $buf $pos $h $private $old]
    }
    binary scan $buf @[expr {$pos + 4}]a32 raw
    set group [strip $raw]
    if {$type & 0x2000} {
        if {$data < 12} {bad "a damaged transitional signal"}
        return [dict create kind transition group $group \
            id [words $buf [expr {$pos + 48 + $groups * 32}] 3 $order]]
    } elseif {($type & 0x3f00) == 0x200} {
        return [dict create kind self_leave group $group]
    }
    regular $buf $pos $type $groups $data [expr {$pos + 48}]
}

proc gospread::wire::regular {buf pos type groups data at} {
    variable serviceOf
    variable little
    variable Marker
    if {$groups == 1} {
        binary scan $buf @[expr {$pos + 4}]a32x4iu@${at}a32a$data sender hint group body
        set list [list [strip $group]]
    } else {
        set list [names $buf $at $groups]
        binary scan $buf @[expr {$pos + 4}]a32x4iu@[expr {$at + $groups * 32}]a$data sender hint body
    }
    # The message type is in the order of the sender (3.2).
    if {($hint & $Marker) == $Marker} {
        set foreign [expr {!$little}]
        set messtype [expr {$hint >> 8 & 0xffff}]
    } else {
        set foreign $little
        set messtype [expr {$hint & 0xff00 | $hint >> 16 & 0xff}]
    }
    if {$messtype >= 0x8000} {incr messtype -0x10000}
    set bit [expr {$type & 0x3f}]
    dict create kind regular service [expr {[dict exists $serviceOf $bit] ? [dict get $serviceOf $bit] : ""}] \
        sender [strip $sender] groups $list type $messtype data $body endian_mismatch $foreign \
        self_discard [expr {($type & 0x40) != 0}] flags [expr {$type & ~0x7f}]
}

proc gospread::wire::reject {buf pos groups data private} {
    variable Marker
    binary scan $buf @[expr {$pos + 48}]iuX4Iu old swapped
    if {($old & $Marker) != $Marker} {set old $swapped}
    set old [expr {$old & ~$Marker}]
    set m [regular $buf $pos $old $groups $data [expr {$pos + 52}]]
    set request multicast
    if {!($old & 0x3f)} {
        if {$old & 0x100} {set request join} elseif {$old & 0x200} {set request leave}
    }
    # The daemon adds the client's own private group to the names.
    set names [dict get $m groups]
    if {[lindex $names end] eq $private} {dict set m groups [lrange $names 0 end-1]}
    dict set m kind reject
    dict set m old_type $old
    dict set m request $request
    return $m
}

# n signed words of a membership body.
proc gospread::wire::words {buf pos n little} {
    binary scan $buf @${pos}[expr {$little ? "i" : "I"}]$n list
    return $list
}

proc gospread::wire::view {buf pos h private old} {
    variable causeOf
    variable MaxEmptySets
    lassign $h size type groups data little
    binary scan $buf @[expr {$pos + 4}]a32 raw
    set group [strip $raw]
    set wrong "a damaged view of group \"$group\""
    set cause [expr {$type & 0xf00}]
    if {![dict exists $causeOf $cause] || $data < ($old ? 16 : 20)} {bad $wrong}
    set members [names $buf [expr {$pos + 48}] $groups]
    set at [expr {$pos + 48 + $groups * 32}]
    set end [expr {$at + $data}]
    set id [words $buf $at 3 $little]
    set at [expr {$at + 12}]
    set count 1
    set offset 0
    if {!$old} {
        lassign [words $buf $at 2 $little] count offset
        incr at 8
    }
    if {$count < 1 || $count > ($end - $at) / 4 || $count > $groups + $MaxEmptySets} {bad $wrong}
    set own -1
    set sets {}
    set first $at
    for {set i 0} {$i < $count} {incr i} {
        if {$at - $first == $offset} {set own $i}
        if {$at + 4 > $end} {bad $wrong}
        set n [words $buf $at 1 $little]
        incr at 4
        if {$n < 0 || $n > ($end - $at) / 32} {bad $wrong}
        lappend sets [names $buf $at $n]
        incr at [expr {$n * 32}]
    }
    if {$own < 0} {bad $wrong}
    set changed [expr {$cause == 0x800 ? "" : [lindex $sets 0 0]}]
    dict create kind membership group $group cause [dict get $causeOf $cause] members $members \
        index [lsearch -exact $members $private] id $id changed $changed sets $sets own_set $own
}
