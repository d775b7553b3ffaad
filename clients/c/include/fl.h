/* fl.h: the flush layer, which gives view synchrony: a view of a group comes
 * into force when all its members have agreed to it. See libspread(3).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INC_FL
#define INC_FL

#include <sp.h>

/* Service types. */
#define DONT_BLOCK 0x10000000     /* option of FL_receive */
#define FLUSH_REQ_MESS 0x20000000 /* received: answer with FL_flush */
#define SUBGROUP_CAST 0x40000000  /* received: sent to some of the members */

#define Is_flush_req_mess(serv) (((serv) & FLUSH_REQ_MESS) != 0)
#define Is_subgroup_mess(serv) (((serv) & SUBGROUP_CAST) != 0)

/* Errors beside those of sp.h. */
#define ILLEGAL_PARAM -24
#define WOULD_BLOCK -25
#define ILLEGAL_MESSAGE_TYPE -26
#define ILLEGAL_STATE -27
#define ILLEGAL_RECEIVERS -28

#define FL_MAX_SCATTER_ELEMENTS (MAX_CLIENT_SCATTER_ELEMENTS - 1)
#define FL_MIN_LEGAL_MESS_TYPE ((int16)-32765)

#ifdef __cplusplus
extern "C" {
#endif

/* Call once before anything else: 0, or ILLEGAL_STATE if it was called before. */
int FL_lib_init(void);
void FL_version(int *major_ver, int *minor_ver, int *patch_ver);

int FL_connect(const char *daemon_name, const char *user_name, int priority, mailbox *mbox,
               char *private_name);
int FL_disconnect(mailbox mbox);

int FL_join(mailbox mbox, const char *group_name);
int FL_leave(mailbox mbox, const char *group_name);
int FL_flush(mailbox mbox, const char *group_name);

/* Send in the present view of the group: to all members, to some, to one. */
int FL_multicast(mailbox mbox, service serv_type, const char *group_name, int16 mess_type, int mess_len,
                 const char *mess);
int FL_scat_multicast(mailbox mbox, service serv_type, const char *group_name, int16 mess_type,
                      const scatter *scat_mess);
int FL_subgroupcast(mailbox mbox, service serv_type, const char *group_name, int num_recvrs,
                    char recvr_names[][MAX_GROUP_NAME], int16 mess_type, int mess_len, const char *mess);
int FL_scat_subgroupcast(mailbox mbox, service serv_type, const char *group_name, int num_recvrs,
                         char recvr_names[][MAX_GROUP_NAME], int16 mess_type, const scatter *scat);
int FL_unicast(mailbox mbox, service serv_type, const char *group_name, const char *recvr_name,
               int16 mess_type, int mess_len, const char *mess);
int FL_scat_unicast(mailbox mbox, service serv_type, const char *group_name, const char *recvr_name,
                    int16 mess_type, const scatter *scat);

/* As SP_receive; *more_msgs is the number of messages that wait in the library. */
int FL_receive(mailbox mbox, service *serv_type, char *sender_name, int max_groups, int *num_groups,
               char group_names[][MAX_GROUP_NAME], int16 *mess_type, int *endian_mismatch,
               int max_mess_len, char *mess, int *more_msgs);
int FL_scat_receive(mailbox mbox, service *serv_type, char *sender_name, int max_groups, int *num_groups,
                    char group_names[][MAX_GROUP_NAME], int16 *mess_type, int *endian_mismatch,
                    scatter *scat_mess, int *more_msgs);
int FL_more_msgs(mailbox mbox);
int FL_poll(mailbox mbox);

void FL_error(int error_code);

/* Where in the body of a regular membership message are the group id, the number
 * of members that came along from the last view, and their names: 0, 12, 16. */
int FL_get_gid_offset_memb_mess(void);
int FL_get_num_vs_offset_memb_mess(void);
int FL_get_vs_set_offset_memb_mess(void);

#ifdef __cplusplus
}
#endif

#endif /* INC_FL */
