#include "flush/message.h"

#include <stdlib.h>
#include <string.h>

struct fl_message *fl_message_new(int num_groups, int len) {
    size_t names = (size_t)num_groups * MAX_GROUP_NAME;
    struct fl_message *m = calloc(1, sizeof *m + names + (size_t)len);
    if (!m)
        return NULL;
    m->num_groups = num_groups;
    m->len = len;
    m->groups = (char(*)[MAX_GROUP_NAME])(m + 1);
    m->data = (char *)(m + 1) + names;
    return m;
}

static bool pop(struct fl_message *m, void *out, size_t n) {
    if ((size_t)m->len < n)
        return false;
    m->len -= (int)n;
    memcpy(out, m->data + m->len, n);
    return true;
}

static bool pop_id(struct fl_message *m, group_id *id) {
    if (!pop(m, id, ID_SIZE))
        return false;
    for (int i = 0; i < 3 && m->mismatch; i++)
        id->id[i] = (int32)Flip_int32((unsigned int32)id->id[i]);
    return true;
}

bool trailer_take(struct fl_message *m, struct trailer *t) {
    memset(t, 0, sizeof *t);
    if (m->num_groups > 0)
        memcpy(t->group, m->groups[0], MAX_GROUP_NAME);
    if (Is_subgroup_mess(m->type)) {
        t->subgroup = true;
        if (!pop(m, t->group, MAX_GROUP_NAME))
            return false;
        t->group[MAX_GROUP_NAME - 1] = 0;
        memcpy(m->groups[m->num_groups++], t->group, MAX_GROUP_NAME);
    }
    if (m->mess_type >= FL_MIN_LEGAL_MESS_TYPE)
        return true;
    t->has_id = true;
    if (!pop_id(m, &t->id))
        return false;
    if (m->mess_type != VULNERABLE)
        return true;
    t->vulnerable = true;
    unsigned int16 type;
    if (!pop(m, &type, TYPE_SIZE))
        return false;
    if (m->mismatch)
        type = (unsigned int16)(type >> 8 | type << 8);
    m->mess_type = (int16)type;
    return true;
}

size_t trailer_put(char out[TRAILER_SIZE], const struct trailer *t, int16 mess_type) {
    size_t n = 0;
    if (t->vulnerable) {
        memcpy(out, &mess_type, TYPE_SIZE);
        n += TYPE_SIZE;
    }
    if (t->has_id) {
        memcpy(out + n, &t->id, ID_SIZE);
        n += ID_SIZE;
    }
    if (t->subgroup) {
        memcpy(out + n, t->group, MAX_GROUP_NAME);
        n += MAX_GROUP_NAME;
    }
    return n;
}
