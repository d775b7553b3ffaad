# The way of the classic module's own examples: one loop, told apart by type.
import sys
import spread

mbox = spread.connect(sys.argv[1], "chatter", 0, 1)
print("private group is %s" % mbox.private_group)
mbox.join("oldchat")

while True:
    msg = mbox.receive()
    if isinstance(msg, spread.RegularMsgType):
        print("%s -> %s (%d, %d): %r" % (msg.sender, ",".join(msg.groups), msg.msg_type, msg.endian, msg.message))
        mbox.leave("oldchat")
    elif isinstance(msg, spread.MembershipMsgType):
        if msg.reason == spread.CAUSED_BY_JOIN:
            print("joined: %s of %s" % (msg.extra[0], len(msg.members)))
            n = mbox.multicast(spread.AGREED_MESS, msg.group, "hello", 7)
            print("%d bytes" % n)
        elif msg.reason == spread.CAUSED_BY_LEAVE and not msg.members:
            print("left %s" % msg.group)
            break
mbox.disconnect()
