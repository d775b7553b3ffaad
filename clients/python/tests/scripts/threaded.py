# One thread waits in receive for what another sends: the deadlock of the early wrappers.
import sys
import threading
import spread

mbox = spread.connect(sys.argv[1])
got = []


def reader():
    while True:
        try:
            msg = mbox.receive()
        except spread.error:
            return
        got.append(msg.message)
        if msg.message == b"last":
            done.set()


done = threading.Event()
t = threading.Thread(target=reader)
t.start()
for i in range(50):
    mbox.multicast(spread.RELIABLE_MESS, mbox.private_group, b"more")
mbox.multicast(spread.RELIABLE_MESS, mbox.private_group, b"last")
done.wait()
mbox.disconnect()
t.join()
print(len(got))
