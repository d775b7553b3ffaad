#include <stdio.h>

#include "fl.h"

static const char *text(int error) {
    switch (error) {
    case ILLEGAL_PARAM:
        return "an argument is not legal";
    case WOULD_BLOCK:
        return "there is nothing to receive now";
    case ILLEGAL_MESSAGE_TYPE:
        return "the message type is kept for the flush layer";
    case ILLEGAL_STATE:
        return "not now: between a flush and the next view, or without a flush request";
    case ILLEGAL_RECEIVERS:
        return "a receiver is no member of the view";
    default:
        return SP_strerror(error);
    }
}

void FL_error(int error_code) { printf("FL_error: (%d) %s\n", error_code, text(error_code)); }
