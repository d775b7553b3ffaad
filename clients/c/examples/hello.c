#include <sp.h>
#include <stdio.h>

int main(void) {
    mailbox mbox;
    char me[MAX_GROUP_NAME], sender[MAX_GROUP_NAME], groups[100][MAX_GROUP_NAME], mess[100000];
    int n = SP_connect("4803", NULL, 0, 1, &mbox, me);
    if (n < 0)
        return SP_error(n), 1;
    SP_join(mbox, "news");
    SP_multicast(mbox, AGREED_MESS, "news", 0, 5, "hello");
    for (;;) {
        service type = 0;
        int16 mess_type;
        int num_groups, mismatch;
        n = SP_receive(mbox, &type, sender, 100, &num_groups, groups, &mess_type, &mismatch, sizeof mess, mess);
        if (n < 0)
            return SP_error(n), 1;
        if (Is_regular_mess(type))
            printf("%s: %.*s\n", sender, n, mess);
        fflush(stdout);
    }
}
