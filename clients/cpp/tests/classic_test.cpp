// A C++ program of the old kind: sp.h and fl.h as they are, macros and all.
#include <cstdlib>
#include <cstring>
#include <iostream>

#include <fl.h>
#include <sp.h>

static bool round_trip(const char *daemon) {
    mailbox mbox;
    char group[MAX_GROUP_NAME], sender[MAX_GROUP_NAME], groups[10][MAX_GROUP_NAME], mess[1000];
    service type = 0;
    int16 mess_type;
    int num_groups, mismatch;
    if (SP_connect(daemon, 0, 0, 1, &mbox, group) != ACCEPT_SESSION)
        return false;
    if (SP_multicast(mbox, AGREED_MESS, group, 7, 5, "hello") != 5)
        return false;
    int n = SP_receive(mbox, &type, sender, 10, &num_groups, groups, &mess_type, &mismatch, sizeof mess, mess);
    bool ok = n == 5 && Is_agreed_mess(type) && Is_regular_mess(type) && mess_type == 7 && num_groups == 1 &&
              std::strcmp(groups[0], group) == 0 && std::memcmp(mess, "hello", 5) == 0;
    return SP_disconnect(mbox) == 0 && ok;
}

int main() {
    const char *daemon = std::getenv("SPREAD_TEST_DAEMON");
    if (!daemon || !*daemon) {
        std::cout << "no daemon in SPREAD_TEST_DAEMON: live tests are skipped\n";
        return 0;
    }
    if (!round_trip(daemon)) {
        std::cerr << "a message to oneself did not come back as it was\n";
        return 1;
    }
    return 0;
}
