"""A state that is the same on several machines: every update is applied to all copies, in one order.

    from gospread.replica import Replica

    class Words:
        def __init__(self):
            self.words = []

        def apply(self, update):
            self.words.append(update.data.decode())
            return b"%d words" % len(self.words)

        def snapshot(self):
            return "\\n".join(self.words).encode()

        def restore(self, snapshot):
            self.words = snapshot.decode().split("\\n") if snapshot else []

    with Replica("4803", "words", "r1", Words(), replicas=["r1", "r2", "r3"], store="r1.store") as r:
        print(r.update(b"hello", timeout=60))

With ``Policy.MAJORITY`` updates are applied where more than half of the configured replicas are
together, in one order for all, each once. One that was acknowledged is in the state of a
majority, on disk if they have a store, and is not lost as long as no majority loses what it
has. Replicas without a majority keep a state that is old, for reading, and refuse updates. With
``Policy.EVERYWHERE`` each part of a parted network goes on, and parts that meet merge their states.

docs/replica.md of the repository tells all of it. Replicas in Go and Python work together.
"""

from ._core import Merger, State, Status, Update
from ._wire import MAX_UPDATE
from .errors import Refused, ReplicaError, ResultGone, Unknown
from .replica import Pending, Policy, Replica

__all__ = [
    "MAX_UPDATE",
    "Merger",
    "Pending",
    "Policy",
    "Refused",
    "Replica",
    "ReplicaError",
    "ResultGone",
    "State",
    "Status",
    "Unknown",
    "Update",
]
