# Everything imported, keyword arguments, error numbers, group ids, several groups.
import sys
from spread import *

a = connect(daemon=sys.argv[1], name="staraa", priority=0, membership=1)
try:
    connect(sys.argv[1], "staraa")
except SpreadError as e:
    number, text = e.args
    print(number == REJECT_NOT_UNIQUE, type(text) is str)
b = connect(spread_name=sys.argv[1], membership=0)
ids = []
for group in ("stara", "starb"):
    a.join(group)
    view = a.receive()
    print(type(view) is MembershipMsgType, view.msg_subtype == REG_MEMB_MESS, view.changed_member == a.private_group)
    ids.append(view.group_id)
b.join("starb")
print(ids[1] == ids[1], ids[1] == a.receive().group_id)
print(b.multigroup_multicast(SAFE_MESS | SELF_DISCARD, ("stara", "starb"), "both"))
m = a.receive()
print(type(m) is RegularMsgType, m.sender == b.private_group, m.groups, m.message, m.msg_type)
try:
    a.join("not a group")
except SpreadError as e:
    print(e.args[0] == ILLEGAL_GROUP)
try:
    a.multicast(0, "stara", "no service")
except SpreadError as e:
    print(e.args[0] == ILLEGAL_SERVICE)
a.disconnect()
try:
    a.receive()
except SpreadError as e:
    print(e.args[0] == ILLEGAL_SESSION)
print(version() >= (3, 17, 0), DEFAULT_SPREAD_PORT)
