"""The client's side of the protocol, without any input or output.

Handshake, encoding and decoding are shared by the synchronous and the asyncio
client. "Client protocol N" in a comment is a section of the description of the
protocol of Spread 5.0.1 that all of gospread follows.
"""

from __future__ import annotations

import struct
import sys
from typing import Callable, Deque, Dict, Generator, List, NamedTuple, Optional, Sequence, Tuple, Union

from .errors import ConnectionClosed, ErrorCode, InvalidArgument, ProtocolError, Refused, SpreadError
from .events import Cause, Event, Message, Rejected, Request, SelfLeave, Service, Transition, View, ViewId
from .names import Name, destination, group_to_join, to_str

PROTOCOL_VERSION = (5, 0, 1)
"""The release of Spread whose protocol this is, which daemons are told."""

SERVICES = 0x3F
SELF_DISCARD = 0x40
CAUSES = 0xF00
REG_MEMB = 0x1000
TRANSITION = 0x2000
MEMBERSHIP = 0x3F00
JOIN = 0x10000
LEAVE = 0x20000
KILL = 0x40000
REJECT = 0x400000
MARKER = 0x80000080

HEADER_SIZE = 48
NAME_SIZE = 32
MAX_GROUPS = 100
MAX_DATA = 144000
MAX_BODY = 143952
"""Data and 32 bytes for each group: what a daemon takes in one message."""
MAX_FRAME = 8 << 20
"""What a daemon can make a client hold; only views of 100,000 members come near it."""
MAX_EMPTY_SETS = 128

_NATIVE_LITTLE = sys.byteorder == "little"
_OUR_MARKER = MARKER if _NATIVE_LITTLE else 0

_OUT = struct.Struct("=I32siIi")  # type, sender, groups, hint, length
_IN = (struct.Struct(">I32siIi"), struct.Struct("<I32siIi"))
_WORDS = (struct.Struct(">i"), struct.Struct("<i"))
_IDS = (struct.Struct(">iii"), struct.Struct("<iii"))


# Handshake (client protocol 2)

Steps = Generator[Tuple[bytes, int], bytes, None]
"""Talks to a daemon: each step is bytes to send and a number of bytes to read, which it is given."""

AuthMethod = Callable[[], Steps]

Auth = Sequence[Union[str, Tuple[str, Optional[AuthMethod]]]]
"""Authentication methods, at most three, in the order in which they run: a name such as ``"NULL"``
or ``"IP"`` that exchanges no bytes, or a name and a function that makes its steps."""


class Accept(NamedTuple):
    """What a daemon tells those it lets in."""

    version: Tuple[int, int, int]
    private_group: bytes


def handshake(
    name: bytes, membership: bool, priority: bool, auth: Auth
) -> Generator[Tuple[bytes, int], bytes, Accept]:
    """The steps of the handshake. Raises ``Refused`` or ``ConnectionClosed``."""
    methods = [(m, None) if isinstance(m, str) else m for m in auth]
    if not 1 <= len(methods) <= 3:
        raise Refused(ErrorCode.REJECT_AUTH, f"{len(methods)} authentication methods, must be 1 to 3")
    hello = bytes((*PROTOCOL_VERSION, 0x10 * priority | membership, len(name))) + name
    size = _signed((yield hello, 1))
    if size < 0:
        raise _refusal(size, name)
    offered = (yield b"", size).decode("ascii", "replace").split()
    choice = b""
    for method, _ in methods:
        if method not in offered:
            raise Refused(
                ErrorCode.REJECT_AUTH,
                f"the daemon does not offer authentication method {method!r}, only {' '.join(offered)!r}",
            )
        choice += method.encode().ljust(30, b"\0")
    choice = choice.ljust(90, b"\0")
    for _, run in methods:
        if run is not None:
            yield choice, 0
            choice = b""
            yield from run()
    code = _signed((yield choice, 1))
    if code != 1:
        raise _refusal(code, name)
    major, minor, patch, length = yield b"", 4
    if not 1 <= length <= NAME_SIZE - 1:
        raise ConnectionClosed(
            ErrorCode.CONNECTION_CLOSED, f"the daemon gave a private group of {length} bytes; is it a Spread daemon?"
        )
    private = yield b"", length
    if major < 3 or major > 127 or (priority and (major, minor) < (3, 8)):
        raise Refused(ErrorCode.REJECT_VERSION, f"the daemon is {major}.{minor}.{patch}, which is too old")
    return Accept((major, minor, patch), private)


def _signed(byte: bytes) -> int:
    return int.from_bytes(byte, "big", signed=True)


_REFUSALS: Dict[int, str] = {
    ErrorCode.REJECT_QUOTA: "the daemon has as many clients as it takes",
    ErrorCode.REJECT_NO_NAME: "the daemon did not get the private name",
    ErrorCode.REJECT_ILLEGAL_NAME: "the daemon does not allow the private name {}",
    ErrorCode.REJECT_NOT_UNIQUE: "another client of this daemon has the private name {}; choose another, or none to be given one",
    ErrorCode.REJECT_VERSION: "the versions of the daemon and of this library do not fit",
    ErrorCode.REJECT_AUTH: "authentication failed, or this client may not connect; the daemon's log may tell why",
}


def _refusal(code: int, name: bytes) -> SpreadError:
    text = _REFUSALS.get(code)
    if text is None:
        return ConnectionClosed(
            ErrorCode.CONNECTION_CLOSED, f"the daemon answered with the unknown code {code}; is it a Spread daemon?"
        )
    return Refused(code, "refused: " + text.format(repr(to_str(name))))


# Sending (client protocol 4)


class Encoder:
    """Makes what a client with this private group sends. Safe for use by many threads."""

    def __init__(self, private_group: bytes) -> None:
        self._private = private_group.ljust(NAME_SIZE, b"\0")
        self._names: Dict[Name, bytes] = {}

    def join(self, group: Name) -> bytes:
        return self._request(JOIN, group_to_join(group))

    def leave(self, group: Name) -> bytes:
        return self._request(LEAVE, group_to_join(group))

    def kill(self) -> bytes:
        return self._request(KILL, self._private)

    def _request(self, request: int, name: bytes) -> bytes:
        return _OUT.pack(request | _OUR_MARKER, self._private, 1, _OUR_MARKER, 0) + name

    def head(self, groups: Union[Name, Sequence[Name]], size: int, service: int, type: int, self_discard: bool) -> bytes:
        """What stands before the ``size`` bytes of data of a message.

        Raises ``InvalidArgument`` for what would cost the session, or go nowhere.
        """
        if service not in _SERVICES:
            raise InvalidArgument(
                ErrorCode.ILLEGAL_SERVICE, f"service {service!r}: must be exactly one of the six of gospread.Service"
            )
        if isinstance(groups, (str, bytes)):
            names = self._name(groups)
        else:
            names = b"".join([self._name(g) for g in groups])
        count = len(names) // NAME_SIZE
        if not 1 <= count <= MAX_GROUPS:
            raise InvalidArgument(ErrorCode.ILLEGAL_GROUP, f"{count} groups to send to, must be 1 to {MAX_GROUPS}")
        if size + len(names) > MAX_BODY:
            raise InvalidArgument(
                ErrorCode.MESSAGE_TOO_LONG,
                f"{size} bytes of data and {count} groups make {size + len(names)} bytes, a daemon takes at most {MAX_BODY}",
            )
        if not -32768 <= type <= 32767:
            raise InvalidArgument(ErrorCode.ILLEGAL_MESSAGE, f"message type {type}, must be -32768 to 32767")
        word = service | _OUR_MARKER | (SELF_DISCARD if self_discard else 0)
        return _OUT.pack(word, self._private, count, (type & 0xFFFF) << 8 | _OUR_MARKER, size) + names

    def _name(self, name: Name) -> bytes:
        b = self._names.get(name)
        if b is None:
            b = destination(name)
            if len(self._names) >= _MAX_CACHE:
                self._names.clear()
            self._names[name] = b
        return b


_MAX_CACHE = 1000
_SERVICES = {int(s): s for s in Service}


# Receiving (client protocol 3 and 5)

Events = Deque[Tuple[Event, int]]
"""Events with the sizes in bytes of their messages."""

_Header = Tuple[int, bytes, int, int, int]  # as _IN unpacks it


class Decoder:
    """Cuts the daemon's bytes into messages and makes events of them.

    A damaged message is an error once all before it have been handed out; after
    it the stream is lost.
    """

    def __init__(self, private_group: bytes, version: Tuple[int, int, int]) -> None:
        self._private = to_str(private_group)
        self._old_views = version[0] == 3
        self._names: Dict[bytes, str] = {}
        self._groups: Dict[bytes, Tuple[str, ...]] = {}
        self._words: Dict[int, Tuple[Optional[Service], bool, int]] = {}
        self._parts: List[bytes] = []
        self.missing = 0
        """How many bytes are needed before ``feed`` can get on with the message that has begun; 0 between messages."""
        self.error: Optional[ProtocolError] = None

    def scan(self, buf: bytes, events: Events) -> int:
        """Append the whole messages at the beginning of buf, with their sizes; tell how many bytes they are."""
        pos, end = 0, len(buf)
        try:
            while end - pos >= HEADER_SIZE:
                size, head = _header(buf, pos)
                if end - pos < size:
                    break
                events.append((self._decode(buf, pos, size, head), size))
                pos += size
        except ProtocolError as e:
            self.error = e
        return pos

    def feed(self, data: bytes, events: Events) -> None:
        """Take the next bytes, which may be any piece of the stream."""
        if self._parts:
            self._parts.append(data)
            self.missing -= len(data)
            if self.missing > 0:
                return
            data = b"".join(self._parts)
        used = self.scan(data, events)
        rest = data[used:] if used else data
        self._parts = [rest] if rest else []
        self.missing = 0
        if rest and self.error is None:
            try:
                whole = _header(rest, 0)[0] if len(rest) >= HEADER_SIZE else HEADER_SIZE
            except ProtocolError as e:
                self.error = e
            else:
                self.missing = whole - len(rest)

    def _decode(self, buf: bytes, pos: int, size: int, head: _Header) -> Event:
        word, sender, groups, hint, length = head
        little = buf[pos] >> 7
        names = pos + HEADER_SIZE
        data = pos + size - length
        # With a service bit it is data, whatever else is set: other clients could forge the rest (3.3).
        if not word & REJECT:
            if word & SERVICES:
                return self._message(buf, names, data, length, word, sender, hint, little)
            if word & REG_MEMB:
                return self._view(buf, names, data, length, word, sender, little)
            if word & TRANSITION:
                if length < 12:
                    raise _bad(f"a transitional signal of {length} bytes")
                return Transition(self._name(sender), ViewId(*_IDS[little].unpack_from(buf, data)))
            if word & MEMBERSHIP == Cause.LEAVE:
                return SelfLeave(self._name(sender))
            return self._message(buf, names, data, length, word, sender, hint, little)
        old = int.from_bytes(buf[names : names + 4], "little" if buf[names] >> 7 else "big") & ~MARKER
        request, word = Request.MULTICAST, old
        if not old & SERVICES:
            if old & Cause.JOIN:
                request, word = Request.JOIN, old & ~Cause.JOIN
            elif old & Cause.LEAVE:
                request, word = Request.LEAVE, old & ~Cause.LEAVE
        message = self._message(buf, names + 4, data, length, word, sender, hint, little)
        # The daemon has added the private group of this client to the names.
        if message.groups[-1:] == (self._private,):
            message.groups = message.groups[:-1]
        return Rejected(request, message, old)

    def _message(
        self, buf: bytes, names: int, data: int, length: int, word: int, sender: bytes, hint: int, little: int
    ) -> Message:
        kind = self._words.get(word) or self._kind(word)
        raw = buf[names:data]
        # The hint has its own marker, that of the original sender; the type is in its middle bytes (3.2).
        by_little = hint & MARKER == MARKER
        type = hint >> 8 & 0xFFFF
        if by_little != little:
            type = type >> 8 | (type & 0xFF) << 8
        if type >= 0x8000:
            type -= 0x10000
        return Message(
            self._names.get(sender) or self._name(sender),
            self._groups.get(raw) or self._group_list(raw),
            kind[0],
            type,
            buf[data : data + length],
            kind[1],
            by_little is not _NATIVE_LITTLE,
            kind[2],
        )

    def _kind(self, word: int) -> Tuple[Optional[Service], bool, int]:
        """Service, self-discard and the other bits of a type word."""
        bits = word & ~MARKER
        service = bits & SERVICES
        if service:  # of several, which no daemon lets pass, the strongest
            service = 1 << service.bit_length() - 1
        kind = (_SERVICES.get(service), bool(bits & SELF_DISCARD), bits & ~(service | SELF_DISCARD))
        if len(self._words) >= _MAX_CACHE:
            self._words.clear()
        self._words[word] = kind
        return kind

    def _name(self, raw: bytes) -> str:
        """A name that is likely to come again."""
        name = self._names.get(raw)
        if name is None:
            name = _name(raw)
            if len(self._names) >= _MAX_CACHE:
                self._names.clear()
            self._names[raw] = name
        return name

    def _group_list(self, raw: bytes) -> Tuple[str, ...]:
        groups = _names(raw)
        if len(groups) <= 4:
            if len(self._groups) >= _MAX_CACHE:
                self._groups.clear()
            self._groups[raw] = groups
        return groups

    def _view(self, buf: bytes, names: int, data: int, length: int, word: int, sender: bytes, little: int) -> View:
        group = self._name(sender)
        try:
            cause = Cause(word & CAUSES)
        except ValueError:
            raise _bad(f"a view of group {group!r} with causes {word & CAUSES:#x}") from None
        members = _names(buf[names:data])
        body = _Body(buf[data : data + length], little)
        try:
            id = ViewId(body.word(), body.word(), body.word())
            if self._old_views:
                sets, own = [body.set()], 0
            else:
                sets, own = body.sets(len(members))
        except (struct.error, ValueError) as e:
            raise _bad(f"a view of group {group!r} with a damaged body: {e}") from None
        changed = sets[0][0] if cause is not Cause.NETWORK and sets and sets[0] else None
        index = members.index(self._private) if self._private in members else -1
        return View(group, id, cause, members, index, changed, tuple(sets), own)


class _Body:
    """Reads the body of a membership message (client protocol 5.2)."""

    def __init__(self, body: bytes, little: int) -> None:
        self._body = body
        self._words = _WORDS[little]
        self._pos = 0

    def word(self) -> int:
        (w,) = self._words.unpack_from(self._body, self._pos)
        self._pos += 4
        assert isinstance(w, int)
        return w

    def set(self) -> Tuple[str, ...]:
        count = self.word()
        start = self._pos
        if not 0 <= count <= (len(self._body) - start) // NAME_SIZE:
            raise ValueError(f"a set of {count} members in {len(self._body) - start} bytes")
        self._pos = start + count * NAME_SIZE
        return _names(self._body[start : self._pos])

    def sets(self, members: int) -> Tuple[List[Tuple[str, ...]], int]:
        """The sets, and which of them the offset of the own one leads to."""
        count, offset = self.word(), self.word()
        # The original makes an empty set now and then; there cannot be many.
        if not 0 <= count <= members + MAX_EMPTY_SETS:
            raise ValueError(f"{count} sets")
        begin, own, sets = self._pos, -1, []
        for i in range(count):
            if self._pos - begin == offset:
                own = i
            sets.append(self.set())
        if own < 0:
            raise ValueError(f"no set begins at offset {offset}")
        return sets, own


def _header(buf: bytes, pos: int) -> Tuple[int, _Header]:
    """The size of the message whose header is at pos, and the words of the header."""
    little = buf[pos] >> 7
    if buf[pos + 3] >> 7 != little:
        raise _bad("a type word of no byte order")
    word, sender, groups, hint, length = _IN[little].unpack_from(buf, pos)
    if groups < 0 or length < 0 or (word & SERVICES and (groups > MAX_GROUPS or length > MAX_DATA)):
        raise _bad(f"{groups} groups and data length {length}, at most {MAX_GROUPS} and {MAX_DATA} are possible")
    size = HEADER_SIZE + groups * NAME_SIZE + length
    if word & REJECT:
        size += 4
    if size > MAX_FRAME:
        raise _bad(f"{size} bytes, at most {MAX_FRAME} are possible")
    return size, (word, sender, groups, hint, length)


def _bad(what: str) -> ProtocolError:
    return ProtocolError(ErrorCode.ILLEGAL_MESSAGE, f"the daemon sent {what}; the connection was given up")


def _name(raw: bytes) -> str:
    return to_str(raw.partition(b"\0")[0])


def _names(raw: bytes) -> Tuple[str, ...]:
    return tuple([_name(raw[i : i + NAME_SIZE]) for i in range(0, len(raw), NAME_SIZE)])
