# Errors: the codes of the protocol (client protocol 8.1) by name. Every error of
# the package has the -errorcode {GOSPREAD NAME CODE}; the wait that ended without
# a result, {GOSPREAD TIMEOUT}.

namespace eval gospread {
    variable codes {
        ILLEGAL_SPREAD -1       COULD_NOT_CONNECT -2    REJECT_QUOTA -3
        REJECT_NO_NAME -4       REJECT_ILLEGAL_NAME -5  REJECT_NOT_UNIQUE -6
        REJECT_VERSION -7       CONNECTION_CLOSED -8    REJECT_AUTH -9
        ILLEGAL_SESSION -11     ILLEGAL_SERVICE -12     ILLEGAL_MESSAGE -13
        ILLEGAL_GROUP -14       BUFFER_TOO_SHORT -15    GROUPS_TOO_SHORT -16
        MESSAGE_TOO_LONG -17    NET_ERROR_ON_SESSION -18
        SP_BUG -19              ILLEGAL_TIME -20
    }
    variable refusals {
        REJECT_QUOTA    "the daemon has as many clients as it takes"
        REJECT_NO_NAME  "the daemon did not get the private name"
        REJECT_ILLEGAL_NAME "the daemon does not allow the private name"
        REJECT_NOT_UNIQUE "another client of this daemon has the private name;\
            choose another, or none to be given one"
        REJECT_VERSION  "the versions of the daemon and of this client do not fit"
        REJECT_AUTH     "authentication failed, or this client may not connect;\
            the daemon's log may tell why"
    }
}

# Throws the error NAME: what was tried, and why it failed.
proc gospread::fail {name op why} {
    variable codes
    throw [list GOSPREAD $name [dict get $codes $name]] "spread: $op: $why"
}

proc gospread::timeout {op} {
    throw {GOSPREAD TIMEOUT} "spread: $op: timeout"
}

# Throws what a byte of refusal says (client protocol 2.3).
proc gospread::refuse {code op} {
    variable codes
    variable refusals
    foreach {name number} $codes {
        if {$number == $code && [dict exists $refusals $name]} {
            fail $name $op "refused: [dict get $refusals $name]"
        }
    }
    fail CONNECTION_CLOSED $op "the daemon's answer makes no sense; is it a Spread daemon?"
}
