#include <stdio.h>

#include "sp.h"

const char *SP_strerror(int error) {
    switch (error) {
    case ILLEGAL_SPREAD:
        return "the name of the daemon is not legal, or its host is not known";
    case COULD_NOT_CONNECT:
        return "could not connect to the daemon; is it running?";
    case REJECT_QUOTA:
        return "the daemon has as many clients as it can serve";
    case REJECT_NO_NAME:
        return "the daemon got no private name";
    case REJECT_ILLEGAL_NAME:
        return "the private name is not legal";
    case REJECT_NOT_UNIQUE:
        return "the private name is in use at this daemon";
    case REJECT_VERSION:
        return "the versions of library and daemon do not fit";
    case CONNECTION_CLOSED:
        return "the connection to the daemon is closed";
    case REJECT_AUTH:
        return "the daemon refused the authentication";
    case ILLEGAL_SESSION:
        return "there is no such connection";
    case ILLEGAL_SERVICE:
        return "the service type is not legal";
    case ILLEGAL_MESSAGE:
        return "the message is not legal";
    case ILLEGAL_GROUP:
        return "the group is not legal";
    case BUFFER_TOO_SHORT:
        return "the buffer is too short for the message";
    case GROUPS_TOO_SHORT:
        return "the list of groups is too short for the message";
    case MESSAGE_TOO_LONG:
        return "the message is too long";
    case NET_ERROR_ON_SESSION:
        return "the connection was lost; disconnect and connect anew";
    case SP_BUG:
        return "internal error, or out of memory";
    case ILLEGAL_TIME:
        return "the time-out is not legal";
    default:
        return "unknown error";
    }
}

void SP_error(int error) { printf("SP_error: (%d) %s\n", error, SP_strerror(error)); }
