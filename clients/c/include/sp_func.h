/* sp_func.h: the functions of sp.h, which includes this file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INC_SP_FUNC
#define INC_SP_FUNC

/* The version of the library, 5.0.1. Returns 1, or 0 if a pointer is NULL. */
int SP_version(int *major_version, int *minor_version, int *patch_version);

/* The authentication methods of later connects, of the whole process. After the
 * daemon was told the names, each function is called with the socket and its
 * data, and returns 0 if it failed. At most 3 methods, of names below 30 bytes.
 * Return 1, or 0 if an argument is bad; then nothing has changed. */
int SP_set_auth_method(const char *auth_name, int (*auth_function)(int, void *), void *auth_data);
int SP_set_auth_methods(int num_methods, const char *auth_name[], int (*auth_function[])(int, void *),
                        void *auth_data[]);

/* Connect to a daemon: "4803@host", "4803@[::1]", or "4803" for the daemon on
 * this machine. Return ACCEPT_SESSION or an error. The time-out is for all of
 * it; {0, 0} is none. */
int SP_connect(const char *spread_name, const char *private_name, int priority, int group_membership,
               mailbox *mbox, char *private_group);
int SP_connect_timeout(const char *spread_name, const char *private_name, int priority,
                       int group_membership, mailbox *mbox, char *private_group, sp_time time_out);

/* End a session, or only its use by this process (after a fork). Both wake
 * threads that are in other calls of the session. */
int SP_disconnect(mailbox mbox);
void SP_kill(mailbox mbox);

int SP_join(mailbox mbox, const char *group);
int SP_leave(mailbox mbox, const char *group);

/* Send. Return the number of data bytes, or an error. */
int SP_multicast(mailbox mbox, service service_type, const char *group, int16 mess_type, int mess_len,
                 const char *mess);
int SP_scat_multicast(mailbox mbox, service service_type, const char *group, int16 mess_type,
                      const scatter *scat_mess);
int SP_multigroup_multicast(mailbox mbox, service service_type, int num_groups,
                            const char groups[][MAX_GROUP_NAME], int16 mess_type, int mess_len,
                            const char *mess);
int SP_multigroup_scat_multicast(mailbox mbox, service service_type, int num_groups,
                                 const char groups[][MAX_GROUP_NAME], int16 mess_type,
                                 const scatter *scat_mess);

/* Wait for a message and receive it. Set *service_type to 0 or DROP_RECV before
 * each call. Return the number of data bytes, or an error. */
int SP_receive(mailbox mbox, service *service_type, char sender[MAX_GROUP_NAME], int max_groups,
               int *num_groups, char groups[][MAX_GROUP_NAME], int16 *mess_type, int *endian_mismatch,
               int max_mess_len, char *mess);
int SP_scat_receive(mailbox mbox, service *service_type, char sender[MAX_GROUP_NAME], int max_groups,
                    int *num_groups, char groups[][MAX_GROUP_NAME], int16 *mess_type,
                    int *endian_mismatch, scatter *scat_mess);

/* What is in the body of a membership message, as SP_receive left it. */
int SP_get_memb_info(const char *memb_mess, const service service_type, membership_info *memb_info);
int SP_get_vs_sets_info(const char *memb_mess, vs_set_info *vs_sets, int num_vs_sets,
                        unsigned int *my_vs_set_index);
int SP_get_vs_set_members(const char *memb_mess, const vs_set_info *vs_set,
                          char member_names[][MAX_GROUP_NAME], int member_names_count);
int SP_scat_get_memb_info(const scatter *memb_mess_scat, const service service_type,
                          membership_info *memb_info);
int SP_scat_get_vs_sets_info(const scatter *memb_mess_scat, vs_set_info *vs_sets, int num_vs_sets,
                             unsigned int *my_vs_set_index);
int SP_scat_get_vs_set_members(const scatter *memb_mess_scat, const vs_set_info *vs_set,
                               char member_names[][MAX_GROUP_NAME], int member_names_count);

/* The number of bytes that wait to be received, or ILLEGAL_SESSION. */
int SP_poll(mailbox mbox);

int SP_equal_group_ids(group_id g1, group_id g2);

/* The meaning of an error, as a text or printed on standard output. */
const char *SP_strerror(int error);
void SP_error(int error);

#endif /* INC_SP_FUNC */
