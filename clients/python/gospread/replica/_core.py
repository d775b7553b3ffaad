"""What the cores of both policies have in common.

A core is pure: it is told what happens, in the order in which it happens, and answers with
effects. It decides like those of the Go package, from whose simulation there are recorded
histories (testdata/replica).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, NamedTuple, Optional, Protocol, Sequence, Tuple, Union

from ._wire import Entry, Memo, Memory, encode

APPLIED, REFUSED, UNKNOWN = 0, 1, 2
BUSY = "too many updates are under way"


@dataclass(frozen=True)
class Update:
    """A change of the state."""

    index: int
    """Its place in the order of all, from 1; 0 with ``Policy.EVERYWHERE``."""
    id: str
    origin: str
    """The name of the replica that it was submitted to."""
    data: bytes


class State(Protocol):
    """What is replicated. Its methods are called by one thread at a time, and must not call the replica."""

    def apply(self, update: Update) -> bytes:
        """Change the state, and return a result for whoever submitted the update.

        It must do the same at every replica. What it raises ends the replica.
        """
        ...

    def snapshot(self) -> bytes:
        """The whole state."""
        ...

    def restore(self, snapshot: bytes) -> None:
        """Replace the state by a snapshot, or by the first state if that is empty."""
        ...


class Merger(State, Protocol):
    """A state for ``Policy.EVERYWHERE``."""

    def merge(self, snapshots: Sequence[bytes]) -> None:
        """Replace the state by what is to become of several, in the same way at every replica."""
        ...


class Config(NamedTuple):
    """What a replica knows of itself. It stays the same."""

    name: str
    group: str
    replicas: Tuple[str, ...]
    durable: bool
    pending: int
    pending_bytes: int
    log_entries: int
    log_bytes: int
    held_bytes: int
    compact_bytes: int
    part: int


class Send(NamedTuple):
    """A message to be sent with AGREED service."""

    to: List[str]
    data: bytes


class Persist(NamedTuple):
    """Records that must be on disk before what comes behind is sent."""

    records: bytes


class Compact(NamedTuple):
    """Records that replace all that were persisted before."""

    records: bytes


class Resolve(NamedTuple):
    """The end of an update or sync that was submitted here."""

    id: str
    outcome: int
    result: bytes = b""
    kept: bool = False
    reason: str = ""


class Rejoin(NamedTuple):
    """Leave the group and join it again: the others go on without us."""


class Fail(NamedTuple):
    """The end of the replica."""

    reason: str


Effect = Union[Send, Persist, Compact, Resolve, Rejoin, Fail]


class Status(NamedTuple):
    """What a replica knows of itself and the others."""

    ready: bool
    """Updates are taken. ``reason`` tells why not."""
    current: bool
    """The state here is that of the part that takes updates, up to what is under way."""
    reason: str
    epoch: int
    """Counts the times that a majority has come together (``Policy.MAJORITY``)."""
    applied: int
    """Index of the last update that was applied; with ``Policy.EVERYWHERE``, their number."""
    length: int
    pending: int
    """Updates and syncs of this replica that are under way."""
    members: List[str]
    """The names of the replicas that are together."""


class Wish:
    """An update that was submitted here, or a sync if it has a number."""

    def __init__(self, entry: Entry, sync: int = 0) -> None:
        self.entry = entry
        self.sync = sync
        self.sent = False
        self.heard: List[str] = []
        self.placed = False
        self.upto = 0


class Base:
    """Effects, and what is under way from here."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.mem = Memory()
        self.me = ""  # private group; empty without a connection
        self.wishes: Dict[str, Wish] = {}  # in their order
        self.wish_bytes = 0
        self.syncs = 0
        self.mark = 0
        self.failed = False
        self.out: List[Effect] = []

    def emit(self, e: Effect) -> None:
        self.out.append(e)

    def send(self, to: str, verb: str, data: bytes, *words: Union[int, bool, str]) -> None:
        self.emit(Send([to], encode(verb, data, *words)))

    def tell(self, verb: str, *words: Union[int, bool, str]) -> None:
        self.send(self.config.group, verb, b"", *words)

    def fail(self, reason: str) -> None:
        self.failed = True
        self.emit(Fail(reason))

    def taken(self) -> List[Effect]:
        out, self.out = self.out, []
        return out

    def add(self, w: Wish) -> None:
        self.wishes[w.entry.id] = w
        self.wish_bytes += len(w.entry.data)

    def remove(self, id: str) -> Optional[Wish]:
        w = self.wishes.pop(id, None)
        if w is not None:
            self.wish_bytes -= len(w.entry.data)
        return w

    def refuse(self, id: str, reason: str) -> None:
        self.emit(Resolve(id, REFUSED, reason=reason))

    def resolve_known(self, id: str, memo: Memo) -> None:
        if self.remove(id) is not None:
            self.emit(Resolve(id, APPLIED, memo.result, memo.kept))

    def want(self, w: Wish) -> None:
        raise NotImplementedError

    def submit(self, id: str, data: bytes) -> List[Effect]:
        """Take an update of this replica. It ends with a Resolve."""
        if id in self.wishes:
            self.refuse(id, "an update with this id is under way")
        elif len(self.wishes) >= self.config.pending or (
            self.wish_bytes + len(data) > self.config.pending_bytes and self.wish_bytes > 0
        ):
            self.refuse(id, BUSY)
        else:
            self.want(Wish(Entry(id, self.config.name, 0, data)))
        return self.taken()

    def sync(self) -> Tuple[str, List[Effect]]:
        """Ask for all that had been acknowledged before. It ends with a Resolve."""
        self.syncs += 1
        id = f"sync {self.syncs}"
        self.want(Wish(Entry(id, "", 0, b""), self.syncs))
        return id, self.taken()

    def withdraw(self, id: str) -> bool:
        """Forget what nobody waits for any more. It tells whether it was sent."""
        w = self.remove(id)
        return w is not None and w.sent
