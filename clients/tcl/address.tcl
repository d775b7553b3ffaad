# Names of daemons (client protocol 1.4).

namespace eval gospread {
    variable DefaultDaemon 4803
    variable MaxDaemonName 70 ;# bytes
}

# The host and port of a daemon's name. Tcl has no Unix sockets, so that a daemon
# of this machine is reached over TCP.
proc gospread::address {name} {
    variable DefaultDaemon
    variable MaxDaemonName
    if {$name eq ""} {set name $DefaultDaemon}
    if {[string match unix:* $name]} {
        fail COULD_NOT_CONNECT "connect to daemon at $name" "Tcl has no Unix sockets; use PORT or PORT@HOST"
    }
    if {[string length $name] > $MaxDaemonName} {
        fail ILLEGAL_SPREAD connect "daemon name of [string length $name] bytes, must be at most $MaxDaemonName"
    }
    if {![regexp {^\s*([+-]?)([0-9]+)(.*)$} $name -> sign digits rest]} {
        fail ILLEGAL_SPREAD connect "daemon name \"$name\" does not begin with a port;\
            write PORT or PORT@HOST, such as 4803@localhost"
    }
    scan $digits %lld port
    set port [expr {"${sign}1" * $port % 65536}]
    if {![regexp {\S+} $rest word]} {return [list 127.0.0.1 $port]}
    if {![regexp {^@(.*)$} $word -> host]} {
        fail ILLEGAL_SPREAD connect "daemon name \"$name\" has \"$word\" behind the port;\
            write PORT or PORT@HOST, such as 4803@localhost"
    }
    regexp {^\[(.*)\]$} $host -> host
    if {$host eq ""} {
        fail ILLEGAL_SPREAD connect "daemon name \"$name\" has no host behind the @;\
            write PORT@HOST without blanks, or just PORT for this machine"
    }
    return [list $host $port]
}
