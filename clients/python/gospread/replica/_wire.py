"""What replicas send each other and keep. docs/replica.md of the repository describes it."""

from __future__ import annotations

import hashlib
import string
from typing import Dict, List, NamedTuple, Optional, Tuple, Union

MESSAGE_TYPE = 21072
"""The 16-bit Spread message type of all messages of replicas."""
MAX_UPDATE = 128 << 10
"""The most data in bytes that one update carries."""
GROUP_PREFIX = "rp-"
REMEMBERED = 10_000
"""How many of the last updates are known by their ids, with results of up to MAX_KEPT bytes."""
MAX_KEPT = 1 << 10
PART_SIZE = 100_000
WINDOW = 16
MAX_STREAM = 1 << 20

_MAX_HEAD = 16 << 10
_MAX_ID = 64
_ID = frozenset(string.ascii_letters + string.digits + "._-")

Word = Union[int, bool, str]


def encode(verb: str, data: bytes, *words: Word) -> bytes:
    """A message: one line of words, and raw data. An empty word is written as -."""
    out = ["rp1", verb]
    for w in words:
        if isinstance(w, bool):
            out.append("1" if w else "0")
        elif isinstance(w, int):
            out.append(str(w))
        else:
            out.append(w or "-")
    return " ".join(out).encode("utf-8", "surrogateescape") + b"\n" + data


class Message(NamedTuple):
    """What another replica has sent."""

    verb: str
    words: List[str]
    data: bytes

    def take(self, kinds: str) -> Optional[List[Word]]:
        """The words by their kinds: s a string, n a number, b a truth. None: they do not fit."""
        if len(kinds) != len(self.words):
            return None
        out: List[Word] = []
        for kind, w in zip(kinds, self.words):
            if kind == "s":
                out.append(w)
            elif kind == "n":
                n = parse_number(w)
                if n is None:
                    return None
                out.append(n)
            else:
                if w not in ("0", "1"):
                    return None
                out.append(w == "1")
        return out


def parse(b: bytes) -> Optional[Message]:
    """Read a message. None: b is none, and everybody ignores it."""
    i = b.find(b"\n", 0, _MAX_HEAD)
    if i < 0:
        return None
    w = b[:i].decode("utf-8", "surrogateescape").split(" ")
    if len(w) < 2 or w[0] != "rp1" or "" in w:
        return None
    w = ["" if s == "-" else s for s in w]
    return Message(w[1], w[2:], b[i + 1 :])


def parse_number(s: str) -> Optional[int]:
    """Decimal digits, at most 18, no zero in front."""
    if not s or len(s) > 18 or len(s) > 1 and s[0] == "0" or not (s.isascii() and s.isdigit()):
        return None
    return int(s)


def valid_id(s: str) -> bool:
    """Whether s may name an update: 1 to 64 letters, digits, and ". _ -", but not "-"."""
    return 1 <= len(s) <= _MAX_ID and s != "-" and _ID.issuperset(s)


def valid_name(s: str, most: int = 10) -> bool:
    """Whether s may name a replica, or a state with most=28."""
    return 1 <= len(s) <= most and all("$" <= c <= "~" for c in s)


def name_of(private: str) -> str:
    """The private name in a private group #name#daemon."""
    return (private[1:] if private.startswith("#") else private).partition("#")[0]


class Entry(NamedTuple):
    """An update in the log."""

    id: str
    origin: str
    since: int
    data: bytes

    def encoded(self) -> bytes:
        return put_string(self.id) + put_string(self.origin) + self.since.to_bytes(8, "big") + put_bytes(self.data)


def digest(*words: bytes) -> str:
    """Name what follows from some names."""
    h = hashlib.sha256()
    for w in words:
        h.update((len(w) & 0xFFFF).to_bytes(2, "big") + w)
    return h.digest()[:16].hex()


def put_string(s: str) -> bytes:
    b = s.encode("utf-8", "surrogateescape")
    return len(b).to_bytes(2, "big") + b


def put_bytes(b: bytes) -> bytes:
    return len(b).to_bytes(4, "big") + b


class Reader:
    """Reads integers, strings and bytes. It is broken for ever when something is missing."""

    def __init__(self, b: bytes) -> None:
        self.b = b
        self.at = 0
        self.broken = False

    @property
    def more(self) -> bool:
        return self.at < len(self.b) and not self.broken

    def next(self, n: int) -> bytes:
        if self.broken or n > len(self.b) - self.at:
            self.broken = True
            return b""
        self.at += n
        return self.b[self.at - n : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.next(size), "big")

    def string(self) -> str:
        return self.next(self.number(2)).decode("utf-8", "surrogateescape")

    def bytes(self) -> bytes:
        return self.next(self.number(4))

    def entry(self) -> Entry:
        return Entry(self.string(), self.string(), self.number(8), self.bytes())

    def entries(self) -> List[Entry]:
        out = []
        while self.more:
            out.append(self.entry())
        return out


class Memo(NamedTuple):
    """The result of an update, if it was small enough to be kept."""

    result: bytes
    kept: bool


class Memory:
    """Knows the last updates that were applied, by their ids."""

    def __init__(self) -> None:
        self.ids: Dict[str, Memo] = {}  # in the order of application

    def add(self, id: str, result: bytes) -> None:
        kept = len(result) <= MAX_KEPT
        self.put(id, Memo(result if kept else b"", kept))

    def put(self, id: str, memo: Memo) -> None:
        if id in self.ids:
            return
        self.ids[id] = memo
        if len(self.ids) > REMEMBERED:
            del self.ids[next(iter(self.ids))]

    def encoded(self) -> bytes:
        out = [len(self.ids).to_bytes(4, "big")]
        for id, m in self.ids.items():
            out.append(put_string(id) + (b"\1" if m.kept else b"\0") + put_bytes(m.result))
        return b"".join(out)

    def read(self, r: Reader) -> None:
        for _ in range(r.number(4)):
            id, kept, result = r.string(), r.number(1) == 1, r.bytes()
            if r.broken:
                return
            self.put(id, Memo(result, kept))


def record(kind: bytes, payload: Union[bytes, int]) -> bytes:
    """A record that is persisted."""
    return kind + put_bytes(payload.to_bytes(8, "big") if isinstance(payload, int) else payload)


class Incoming:
    """A state on its way here."""

    def __init__(self) -> None:
        self.next, self.of, self.blob = 0, 0, bytearray()

    def take(self, n: int, of: int, data: bytes) -> Tuple[bool, bool]:
        """Add a part. It tells whether it was the next one, and whether all is there."""
        if of == 0 or of > MAX_STREAM or n != self.next + 1 or self.of not in (0, of):
            return False, False
        self.next, self.of = n, of
        self.blob += data
        return True, n == of


class Outgoing:
    """A state on its way to others, a window of messages at a time."""

    def __init__(self, to: List[str], receivers: List[str], blob: bytes, part: int) -> None:
        self.to = to
        self.receivers = receivers
        self.got: Dict[str, int] = {}
        self.parts = [blob[i : i + part] for i in range(0, len(blob), part)] or [b""]
        self.next = 0

    def more(self, view: str) -> List[bytes]:
        least = min([len(self.parts)] + [self.got.get(r, 0) for r in self.receivers])
        out = []
        while self.next < min(len(self.parts), least + WINDOW):
            self.next += 1
            out.append(encode("state", self.parts[self.next - 1], view, self.next, len(self.parts)))
            self.parts[self.next - 1] = b""  # the view may last
        return out
