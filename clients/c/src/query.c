/* Names that the classic library shows and has nothing behind. No header declares
 * them, but a binary that was linked with them does not start without. */
int SP_query_groups(void);
int SP_query_members(void);

int SP_query_groups(void) { return -1; }

int SP_query_members(void) { return -1; }
