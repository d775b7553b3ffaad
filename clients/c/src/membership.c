#include "membership.h"

#include <string.h>

#include "wire.h"

static bool settle_word(struct vec v, size_t at, bool foreign, uint32_t *out) {
    if (!vec_get32(v, at, out))
        return false;
    if (foreign)
        *out = swap32(*out);
    return !foreign || vec_put(v, at, out, sizeof *out);
}

bool body_settle_id(struct vec v, bool foreign) {
    uint32_t w;
    return settle_word(v, 0, foreign, &w) && settle_word(v, 4, foreign, &w) && settle_word(v, 8, foreign, &w);
}

bool body_settle(struct vec v, size_t size, bool foreign) {
    uint32_t sets, own;
    if (size < BODY_FIRST || !body_settle_id(v, foreign) || !settle_word(v, BODY_SETS, foreign, &sets) ||
        !settle_word(v, BODY_OWN, foreign, &own))
        return false;
    bool own_found = false;
    size_t at = BODY_FIRST;
    for (uint32_t i = 0; i < sets; i++) {
        uint32_t members;
        if (size - at < sizeof members || !settle_word(v, at, foreign, &members) ||
            members > (size - at - sizeof members) / MAX_GROUP_NAME)
            return false;
        own_found = own_found || at - BODY_FIRST == own;
        at += sizeof members + (size_t)members * MAX_GROUP_NAME;
    }
    return own_found;
}

/* A body of which only the beginning is known. */
static struct vec flat(scat_element *e, const char *body) {
    *e = (scat_element){(char *)body, SIZE_MAX / 2};
    return (struct vec){e, 1};
}

static bool usable(const scatter *s) { return s && s->num_elements <= MAX_CLIENT_SCATTER_ELEMENTS; }

static bool read_name(struct vec v, size_t at, char name[MAX_GROUP_NAME]) {
    bool ok = vec_get(v, at, name, MAX_GROUP_NAME);
    name[MAX_GROUP_NAME - 1] = 0;
    return ok;
}

static int memb_info(struct vec v, service type, membership_info *info) {
    memset(info, 0, sizeof *info);
    if (!Is_membership_mess(type))
        return ILLEGAL_MESSAGE;
    if (Is_self_leave(type)) /* has no body */
        return 1;
    uint32_t own, members;
    if (!vec_get(v, 0, info->gid.id, GROUP_ID_SIZE))
        return ILLEGAL_MESSAGE;
    if (!Is_reg_memb_mess(type))
        return 1;
    if (!vec_get32(v, BODY_SETS, &info->num_vs_sets) || !vec_get32(v, BODY_OWN, &own) ||
        !vec_get32(v, (size_t)BODY_FIRST + own, &info->my_vs_set.num_members))
        return ILLEGAL_MESSAGE;
    info->my_vs_set.members_offset = BODY_FIRST + own + (unsigned)sizeof members;
    if (Is_caused_network_mess(type))
        return 1;
    if (!vec_get32(v, BODY_FIRST, &members))
        return ILLEGAL_MESSAGE;
    if (members > 0 && !read_name(v, BODY_FIRST + sizeof members, info->changed_member))
        return ILLEGAL_MESSAGE;
    return 1;
}

static int vs_sets_info(struct vec v, vs_set_info *sets, int num, unsigned int *my_index) {
    uint32_t count, own, members;
    if (!vec_get32(v, BODY_SETS, &count) || !vec_get32(v, BODY_OWN, &own))
        return ILLEGAL_MESSAGE;
    if (num < 0 || (uint32_t)num < count)
        return BUFFER_TOO_SHORT;
    size_t at = BODY_FIRST;
    *my_index = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!vec_get32(v, at, &members))
            return ILLEGAL_MESSAGE;
        if (at - BODY_FIRST == own)
            *my_index = i;
        at += sizeof members;
        sets[i] = (vs_set_info){members, (unsigned)at};
        at += (size_t)members * MAX_GROUP_NAME;
    }
    return (int)count;
}

static int vs_set_members(struct vec v, const vs_set_info *set, char names[][MAX_GROUP_NAME], int num) {
    if (num < 0 || (unsigned)num < set->num_members)
        return BUFFER_TOO_SHORT;
    for (unsigned i = 0; i < set->num_members; i++)
        if (!read_name(v, set->members_offset + (size_t)i * MAX_GROUP_NAME, names[i]))
            return ILLEGAL_MESSAGE;
    return (int)set->num_members;
}

int SP_get_memb_info(const char *memb_mess, const service service_type, membership_info *info) {
    scat_element e;
    return memb_info(flat(&e, memb_mess), service_type, info);
}

int SP_get_vs_sets_info(const char *memb_mess, vs_set_info *vs_sets, int num_vs_sets,
                        unsigned int *my_vs_set_index) {
    scat_element e;
    return vs_sets_info(flat(&e, memb_mess), vs_sets, num_vs_sets, my_vs_set_index);
}

int SP_get_vs_set_members(const char *memb_mess, const vs_set_info *vs_set,
                          char member_names[][MAX_GROUP_NAME], int member_names_count) {
    scat_element e;
    return vs_set_members(flat(&e, memb_mess), vs_set, member_names, member_names_count);
}

int SP_scat_get_memb_info(const scatter *s, const service service_type, membership_info *info) {
    if (!usable(s))
        return ILLEGAL_MESSAGE;
    return memb_info((struct vec){s->elements, s->num_elements}, service_type, info);
}

int SP_scat_get_vs_sets_info(const scatter *s, vs_set_info *vs_sets, int num_vs_sets,
                             unsigned int *my_vs_set_index) {
    if (!usable(s))
        return ILLEGAL_MESSAGE;
    return vs_sets_info((struct vec){s->elements, s->num_elements}, vs_sets, num_vs_sets, my_vs_set_index);
}

int SP_scat_get_vs_set_members(const scatter *s, const vs_set_info *vs_set, char member_names[][MAX_GROUP_NAME],
                               int member_names_count) {
    if (!usable(s))
        return ILLEGAL_MESSAGE;
    return vs_set_members((struct vec){s->elements, s->num_elements}, vs_set, member_names, member_names_count);
}

int SP_equal_group_ids(group_id g1, group_id g2) {
    return g1.id[0] == g2.id[0] && g1.id[1] == g2.id[1] && g1.id[2] == g2.id[2];
}
