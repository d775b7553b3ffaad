# Just enough JSON for the driver. Values are read as plain Tcl values, null as a
# missing key; texts are Latin-1, one character a byte.

namespace eval json {
    namespace export parse text list object
}

# Reads a JSON value.
proc json::parse {s} {
    variable tokens [regexp -all -inline {"(?:[^"\\]|\\.)*"|[][{},:]|[^][{},:"\s]+} $s]
    variable at 0
    value
}

proc json::next {} {
    variable tokens
    variable at
    set token [lindex $tokens $at]
    incr at
    return $token
}

proc json::value {} {
    variable tokens
    variable at
    set token [next]
    switch -glob -- $token {
        \{ {
            set d {}
            while {[set key [next]] ne "\}"} {
                if {$key eq ","} continue
                next ;# the colon
                set null [expr {[lindex $tokens $at] eq "null"}]
                set v [value]
                if {!$null} {dict set d [unquote $key] $v}
            }
            return $d
        }
        \\[ {
            set l {}
            while {[lindex $tokens $at] ne "\]"} {
                if {[lindex $tokens $at] eq ","} {incr at; continue}
                lappend l [value]
            }
            incr at
            return $l
        }
        \"* {return [unquote $token]}
        true {return 1}
        false {return 0}
        default {return $token}
    }
}

# What a quoted text means: JSON's escapes are Tcl's.
proc json::unquote {token} {
    subst -nocommands -novariables [string map {\\/ /} [string range $token 1 end-1]]
}

# Values as JSON.
proc json::text {s} {
    set out ""
    foreach c [split $s ""] {
        scan $c %c code
        if {$code < 32 || $code > 126 || $c in {\" \\}} {
            append out [format \\u%04x $code]
        } else {
            append out $c
        }
    }
    return "\"$out\""
}

# An array of values, each through a command prefix.
proc json::list {prefix values} {
    set out {}
    foreach v $values {lappend out [{*}$prefix $v]}
    return "\[[join $out ,]\]"
}

proc json::number {n} {return $n}
proc json::boolean {b} {expr {$b ? "true" : "false"}}

# An object of keys and values that are JSON already.
proc json::object {args} {
    set out {}
    foreach {key value} $args {lappend out "\"$key\":$value"}
    return "{[join $out ,]}"
}
