"""The classic ``spread`` module for Python, on top of ``gospread``: old programs run unchanged.

Names and payloads. A mailbox hands out names as ``str``; once it has been given a
name as ``bytes`` (the daemon's, its own, a group's) it hands them out as ``bytes``.
Payloads are ``bytes``; with ``encoding`` (of ``connect``, or of the environment's
``SPREAD_ENCODING``, for programs that cannot be changed) they are ``str``. Everything
that is sent may be either; text travels as UTF-8 unless ``encoding`` says otherwise.
"""

from __future__ import annotations

import os
from typing import Optional, Sequence, Tuple, Type, Union

import gospread
from gospread import ErrorCode as _E
from gospread import SpreadError, ViewId
from gospread.names import MAX_GROUP_NAME as _GROUP_LENGTH
from gospread.names import MAX_PRIVATE_NAME as _NAME_LENGTH
from gospread.names import Name as _Name
from gospread.names import to_bytes as _to_bytes
from gospread.protocol import PROTOCOL_VERSION as _VERSION

from .constants import *  # noqa: F401,F403
from .constants import (
    CAUSED_BY_LEAVE,
    REG_MEMB_MESS,
    REJECT_MESS,
    SELF_DISCARD,
    TRANSITION_MESS,
)

error = SpreadError
"""The exception of everything that goes wrong: ``args`` is ``(number, text)``."""

_Payload = Union[str, bytes]
_Names = Tuple[_Name, ...]


class RegularMsgType:
    """A message with data."""

    def __init__(
        self, sender: _Name, groups: _Names, message: _Payload, msg_type: int, endian: int, service_type: int
    ) -> None:
        self.sender = sender
        self.groups = groups
        self.message = message
        self.msg_type = msg_type
        self.endian = endian
        """Not 0 if the sender's machine has the other byte order."""
        self.service_type = service_type
        """Not in the original: the service, and ``SELF_DISCARD`` if it was set."""


class RejectedMsgType(RegularMsgType):
    """A message of this client that the daemon refused; the original has no type for them.

    ``service_type`` has ``REJECT_MESS`` and what the message was: its service,
    ``CAUSED_BY_JOIN`` or ``CAUSED_BY_LEAVE``.
    """


class MembershipMsgType:
    """A new view of a group, a transitional signal, or the end of this client's own leave."""

    def __init__(
        self,
        msg_subtype: int,
        reason: int,
        group: _Name,
        group_id: Optional[ViewId],
        members: _Names,
        changed_member: Optional[_Name],
        extra: _Names,
        orig_members: _Names,
    ) -> None:
        self.msg_subtype = msg_subtype
        """``REG_MEMB_MESS`` or ``TRANSITION_MESS``."""
        self.reason = reason
        """``CAUSED_BY_JOIN`` and so on; 0 for a transitional signal."""
        self.group = group
        self.group_id = group_id
        """Compare with ``==``; nothing else may be read into it."""
        self.members = members
        """The new members; empty for a transitional signal and after an own leave."""
        self.changed_member = changed_member
        """Who joined, left or disconnected."""
        self.extra = extra
        """The changed member; for ``CAUSED_BY_NETWORK`` those who came along with this client."""
        self.orig_members = orig_members
        """For ``CAUSED_BY_NETWORK`` the same as ``extra``, else empty."""


class MailboxType:
    """A connection to a daemon; ``connect`` makes it."""

    def __init__(self, connection: gospread.Connection, encoding: Optional[str], as_bytes: bool) -> None:
        self._connection = connection
        self._encoding = encoding
        self._as_bytes = as_bytes

    @property
    def private_group(self) -> _Name:
        """Under which others see this client and may send to it."""
        return self._out(self._connection.private_group)

    def disconnect(self) -> None:
        """End the connection; receivers in other threads return with an error."""
        if self._connection.closed:
            raise error(int(_E.ILLEGAL_SESSION), "this side has closed the connection")
        self._connection.close()

    def fileno(self) -> int:
        """For ``select``: ready for reading whenever ``receive`` has something."""
        return self._connection.fileno()

    def join(self, group: _Name) -> None:
        self._connection.join(self._in(group))

    def leave(self, group: _Name) -> None:
        self._connection.leave(self._in(group))

    def multicast(self, service_type: int, group: _Name, message: _Payload, message_type: int = 0) -> int:
        """Send to one group or private group; returns the bytes of the message."""
        return self.multigroup_multicast(service_type, (group,), message, message_type)

    def multigroup_multicast(
        self, service_type: int, groups: Sequence[_Name], message: _Payload, message_type: int = 0
    ) -> int:
        """Send to several groups at once; returns the bytes of the message.

        As in the original, names are cut to 31 bytes and the message type to 16 bits.
        """
        if isinstance(message, str):
            message = message.encode(self._encoding or "utf-8", "surrogateescape")
        return self._connection.multicast(
            [_to_bytes(self._in(g))[:_GROUP_LENGTH] for g in groups],
            message,
            service=service_type & ~SELF_DISCARD,  # type: ignore[arg-type]  # it says what is wrong with others
            type=(message_type & 0xFFFF ^ 0x8000) - 0x8000,
            self_discard=bool(service_type & SELF_DISCARD),
        )

    def poll(self) -> int:
        """How many bytes ``receive`` has to read, 0 if it would wait. A lost connection is an error."""
        return self._connection.poll()

    def receive(self, timeout: Optional[float] = None) -> Union[RegularMsgType, MembershipMsgType]:
        """Wait for the next message. Not in the original: timeout in seconds, then ``TimeoutError``."""
        event = self._connection.receive(timeout)
        if isinstance(event, gospread.Message):
            return self._regular(RegularMsgType, event, event.service or 0)
        if isinstance(event, gospread.View):
            along = self._all(event.came_along) if event.cause is gospread.Cause.NETWORK else ()
            changed = None if event.changed is None else self._out(event.changed)
            return MembershipMsgType(
                REG_MEMB_MESS,
                int(event.cause),
                self._out(event.group),
                event.id,
                self._all(event.members),
                changed,
                along if changed is None else (changed,),
                along,
            )
        if isinstance(event, gospread.Transition):
            return MembershipMsgType(TRANSITION_MESS, 0, self._out(event.group), event.id, (), None, (), ())
        if isinstance(event, gospread.SelfLeave):
            return MembershipMsgType(REG_MEMB_MESS, CAUSED_BY_LEAVE, self._out(event.group), None, (), None, (), ())
        return self._regular(RejectedMsgType, event.message, event.old_type & ~SELF_DISCARD | REJECT_MESS)

    def _regular(self, kind: Type[RegularMsgType], m: gospread.Message, service: int) -> RegularMsgType:
        data: _Payload = m.data
        if self._encoding:
            data = m.data.decode(self._encoding, "surrogateescape")
        if m.self_discard:
            service |= SELF_DISCARD
        return kind(self._out(m.sender), self._all(m.groups), data, m.type, int(m.endian_mismatch), int(service))

    def _in(self, name: _Name) -> _Name:
        if isinstance(name, bytes):
            self._as_bytes = True
        return name

    def _out(self, name: str) -> _Name:
        return _to_bytes(name) if self._as_bytes else name

    def _all(self, names: Tuple[str, ...]) -> _Names:
        return tuple([_to_bytes(n) for n in names]) if self._as_bytes else names


def connect(
    daemon: _Name = "",
    name: _Name = "",
    priority: int = 0,
    membership: int = 1,
    *,
    spread_name: Optional[_Name] = None,
    private_name: Optional[_Name] = None,
    encoding: Optional[str] = None,
) -> MailboxType:
    """Connect to the daemon ``PORT@HOST`` or ``PORT``, by default the one of this machine.

    name is cut to 10 bytes; without one the daemon invents one. spread_name and
    private_name are other names of daemon and name. membership: views are wanted.
    """
    daemon = daemon if spread_name is None else spread_name
    name = name if private_name is None else private_name
    connection = gospread.connect(
        daemon, _to_bytes(name)[:_NAME_LENGTH], priority=priority > 0, membership=bool(membership), timeout=None
    )
    as_bytes = isinstance(daemon, bytes) or isinstance(name, bytes)
    return MailboxType(connection, encoding or os.environ.get("SPREAD_ENCODING"), as_bytes)


def version() -> Tuple[int, int, int]:
    """The release of Spread whose protocol this is."""
    return _VERSION
