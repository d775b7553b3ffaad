# Daemons of the tests' own, for what ends or restarts them.

namespace eval daemons {variable pid ""}

# Writes a configuration; returns the daemon's name.
proc daemons::new {} {
    variable port
    variable config
    variable log
    set s [socket -server {} -myaddr 127.0.0.1 0]
    set port [lindex [chan configure $s -sockname] 2]
    close $s
    close [file tempfile log]
    set f [file tempfile config]
    puts $f "Spread_Segment 127.255.255.255:$port {\n    d 127.0.0.1\n}\nSocketPortReuse = ON"
    close $f
    return $port@127.0.0.1
}

proc daemons::start {} {
    variable pid [exec $::env(SPREAD_TEST_SPREAD) -c $daemons::config -n d >$daemons::log 2>@1 &]
}

proc daemons::stop {} {
    variable pid
    if {$pid ne ""} {exec kill $pid}
    set pid ""
}

proc daemons::remove {} {
    stop
    file delete $daemons::config $daemons::log
}
