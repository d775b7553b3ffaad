"""What a connection receives: messages, views and their like."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Optional, Tuple, Union

__all__ = [
    "Cause",
    "Event",
    "Message",
    "Rejected",
    "Request",
    "SelfLeave",
    "Service",
    "Transition",
    "View",
    "ViewId",
]


class Service(enum.IntEnum):
    """The delivery guarantee of a message, weakest first; the values are the bits of the protocol."""

    UNRELIABLE = 0x01
    """May be lost, and may overtake others."""
    RELIABLE = 0x02
    """Is not lost, but may overtake others."""
    FIFO = 0x04
    """Messages of one sender stay in their order."""
    CAUSAL = 0x08
    """Does not overtake what its sender had seen."""
    AGREED = 0x10
    """One total order at all receivers."""
    SAFE = 0x20
    """That order too, and only when all daemons of the view hold the message in memory."""


class Cause(enum.IntEnum):
    """Why a view came about; the values are the bits of the protocol."""

    JOIN = 0x100
    LEAVE = 0x200
    DISCONNECT = 0x400
    NETWORK = 0x800


class Request(enum.Enum):
    """What a client asked of its daemon."""

    MULTICAST = "multicast"
    JOIN = "join"
    LEAVE = "leave"


@dataclass(frozen=True)
class ViewId:
    """Names a view of a group.

    Two views of one group are the same if their ids are equal; nothing else may
    be read into them (client protocol 5.3).
    """

    daemon: int
    time: int
    index: int


@dataclass
class Message:
    """Data from another client, or from oneself.

    Names are ``str``: UTF-8, in which bytes that are none are kept as lone
    surrogates (``os.fsencode`` style), so that any name can be sent back.
    """

    __slots__ = ("sender", "groups", "service", "type", "data", "self_discard", "endian_mismatch", "flags")

    sender: str
    """The private group of the sender."""
    groups: Tuple[str, ...]
    """Where it was sent to, as its sender named them."""
    service: Optional[Service]
    """``None`` if it is of a kind that this library does not know."""
    type: int
    """The application's own message type, -32768..32767."""
    data: bytes
    self_discard: bool
    """The sender did not want it back."""
    endian_mismatch: bool
    """The sender's machine has the other byte order, and so may have integers in ``data``."""
    flags: int
    """The other bits of the type word, which daemons pass on."""


@dataclass
class View:
    """A new membership of a group that this client is in.

    Messages behind it, up to the next view of the group, are delivered among
    these members (client protocol 5.2). Only connections that asked for
    membership receive views.
    """

    __slots__ = ("group", "id", "cause", "members", "index", "changed", "sets", "own_set")

    group: str
    id: ViewId
    cause: Cause
    members: Tuple[str, ...]
    """The private groups of the members, in the same order at every member."""
    index: int
    """This client's own place in ``members``, from 0; -1 if it is not in it."""
    changed: Optional[str]
    """Who joined, left or disconnected; ``None`` for ``Cause.NETWORK``."""
    sets: Tuple[Tuple[str, ...], ...]
    """The virtual-synchrony sets. For ``Cause.NETWORK`` the members parted by where they
    come from: the members of one set shared the view before, and delivered the same messages
    in it. Otherwise one set with the changed member. A 3.x daemon tells only the own set."""
    own_set: int
    """The index in ``sets`` of the set that this client came with."""

    @property
    def came_along(self) -> Tuple[str, ...]:
        """The own set: for ``Cause.NETWORK`` those that shared the view before with this client."""
        return self.sets[self.own_set] if self.sets else ()


@dataclass
class Transition:
    """The transitional signal: members of the group have been lost.

    Up to the next view of the group it is not known that they deliver what this
    client delivers (client protocol 5.5).
    """

    __slots__ = ("group", "id")

    group: str
    id: ViewId
    """The view that is ending."""


@dataclass
class SelfLeave:
    """This client's own leave is done: nothing more of the group will come."""

    __slots__ = ("group",)

    group: str


@dataclass
class Rejected:
    """A request of this client that the daemon's access policy refused (client protocol 5.6).

    Requests with ``self_discard`` are refused in silence.
    """

    __slots__ = ("request", "message", "old_type")

    request: Request
    message: Message
    """The request as it was sent: for a join or leave, ``groups[0]`` is the group."""
    old_type: int
    """Its type word, without the marker of byte order."""


Event = Union[Message, View, Transition, SelfLeave, Rejected]
