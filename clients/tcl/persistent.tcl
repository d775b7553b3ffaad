# A connection that comes back: connects again when it is lost, joins its groups
# again, and tells the program that it has lost its place in the order. It lives in
# the event loop.

namespace eval gospread {
    variable FirstDelay 100 ;# ms between attempts
    variable MostDelay 5000
    variable AttemptTimeout 5000
    # What another attempt does not help against.
    variable Permanent {ILLEGAL_SPREAD REJECT_ILLEGAL_NAME REJECT_VERSION REJECT_AUTH}
}

# Makes one: persistent daemon commandPrefix ?option value ...?
proc gospread::persistent {daemon callback args} {
    variable connectOptions
    variable AttemptTimeout
    set o [options persistent [dict replace $connectOptions -timeout $AttemptTimeout] $args]
    checkconnect $o
    dict set o -coroutine 1
    return [Persistent new [address $daemon] $callback $o]
}

oo::class create gospread::Persistent {
    # target: host and port. connection: the connection, also while it is being
    # made, or empty. live: whether it can be used. due: the next attempt.
    variable target callback options groups connection live before delay due

    constructor {address prefix o} {
        set target $address
        set callback $prefix
        set options $o
        set groups {}
        set connection ""
        set live 0
        set before 0
        set delay $::gospread::FirstDelay
        my Later 0
    }

    destructor {
        after cancel $due
        if {$connection ne ""} {$connection destroy}
    }

    method Tell {m} {uplevel #0 [list {*}$callback [self] $m]}

    method Later {ms} {
        set due [after $ms [list coroutine [self namespace]::attempt [namespace which my] Attempt]]
    }

    # Puts the next attempt off, each time longer.
    method PutOff {} {
        my Later [expr {int($delay * (0.5 + rand() / 2))}]
        set delay [expr {min($delay * 2, $::gospread::MostDelay)}]
    }

    # One attempt, as a coroutine.
    method Attempt {} {
        set connection [gospread::Connection new $options]
        try {
            [info object namespace $connection]::my Open {*}$target
        } trap GOSPREAD {why details} {
            my Drop
            set name [lindex [dict get $details -errorcode] 1]
            if {$name in $::gospread::Permanent} {
                after 0 [list [namespace which my] Tell [dict create kind failed code $name text $why]]
                return
            }
            my PutOff
        } on ok {} {
            set due [after 0 [list [namespace which my] Connected]]
        }
    }

    method Drop {} {
        $connection destroy
        set connection ""
        set live 0
    }

    method Connected {} {
        set again $before
        set before 1
        set live 1
        $connection callback [list [namespace which my] Event]
        foreach group $groups {my Try join $group}
        my Tell [dict create kind connected privategroup [$connection privategroup] again $again]
    }

    method Event {c m} {
        if {[dict get $m kind] eq "lost"} {
            my Drop
            my PutOff
        } else {
            set delay $::gospread::FirstDelay ;# the connection is good for something
        }
        my Tell $m
    }

    # A request; that the connection is lost will be told.
    method Try {op group} {
        try {
            $connection $op $group
        } trap {GOSPREAD CONNECTION_CLOSED} {} {}
    }

    method join {group} {
        set bad [gospread::wire::badgroup $group]
        if {$bad ne ""} {gospread::fail ILLEGAL_GROUP join $bad}
        if {$group ni $groups} {lappend groups $group}
        if {$live} {my Try join $group}
        return
    }

    method leave {group} {
        set groups [lsearch -inline -all -not -exact $groups $group]
        if {$live} {my Try leave $group}
        return
    }

    method multicast {args} {
        if {!$live} {
            gospread::fail CONNECTION_CLOSED multicast "not connected at the moment; it is being tried"
        }
        $connection multicast {*}$args
    }

    method connected {} {return $live}

    method close {} {
        after cancel $due
        if {$live} {
            set c $connection
            set connection ""
            set live 0
            set self [self]
            $c close
            if {![info object isa object $self]} return
        }
        my destroy
    }
}
