# select on the mailbox and one receive for each time that it is ready; and poll.
import select
import sys
import spread

mbox = spread.connect(sys.argv[1], "", 0, 0)
for i in range(100):
    mbox.multicast(spread.FIFO_MESS, mbox.private_group, str(i))
got = []
while len(got) < 100:
    readable, _, _ = select.select([mbox], [], [], 20)
    if not readable:
        print("select lost a message")
        break
    got.append(int(mbox.receive().message))
print(got == list(range(100)), mbox.poll())
mbox.multicast(spread.FIFO_MESS, mbox.private_group, "x" * 1000)
while mbox.poll() == 0:
    pass
print(len(mbox.receive().message))
mbox.disconnect()
