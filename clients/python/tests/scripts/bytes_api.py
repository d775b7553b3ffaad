# The bytes API of the Python 3 fork that RSB uses: names and payloads are bytes.
import sys
import spread

mbox = spread.connect(sys.argv[1].encode(), b"bytesapi", 0, True)
print(mbox.private_group.startswith(b"#bytesapi#"))
mbox.join(b"oldbytes")
view = mbox.receive()
print(view.group, view.members == (mbox.private_group,), view.extra == view.members)
mbox.multicast(spread.RELIABLE_MESS, b"oldbytes", b"\x00\xff")
msg = mbox.receive()
print(msg.sender == mbox.private_group, msg.groups, msg.message)
mbox.disconnect()
