"""Messages of work queues (docs/workqueue.md): a verb, fields, and raw data."""

from __future__ import annotations

import hashlib
import re
from typing import Dict, List, Optional, Tuple

MESSAGE_TYPE = 22353
"""The 16-bit Spread message type of all messages of work queues."""
PART_SIZE = 128 << 10
"""The most data that one message carries."""
MAX_NUMBER = 10**15 - 1
"""The largest that is read."""

_MAGIC = b"wq1 "
_MAX_HEADER = 64 << 10
_MAX_FIELDS = 64
_MAX_TEXT = 1000
_WORD = re.compile(rb"[a-z]{1,16}\Z")
_NUMBER = re.compile(r"(0|[1-9][0-9]{0,14})\Z", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_QUEUE = re.compile(r"[$-~]{1,28}\Z")

Fields = Dict[str, str]


class Message:
    __slots__ = ("verb", "fields", "data")

    def __init__(self, verb: str, data: bytes = b"", **fields: object) -> None:
        self.verb = verb
        self.data = data
        self.fields: Fields = {k: _value(v) for k, v in fields.items()}

    def get(self, key: str) -> str:
        return self.fields.get(key, "")

    def number(self, key: str, default: int) -> Optional[int]:
        """The field as a number, the default if it is missing; None if it is none."""
        return number(self.fields, key, default)

    def header(self) -> bytes:
        return _MAGIC + encode(self.verb) + b"\n" + head(self.fields)

    def encode(self) -> bytes:
        return self.header() + self.data


def _value(v: object) -> str:
    """A value as messages have it. Numbers that nobody would read become the largest that is."""
    return str(min(v, MAX_NUMBER) if isinstance(v, int) else v).replace("\n", " ")


def number(fields: Fields, key: str, default: int) -> Optional[int]:
    value = fields.get(key)
    if value is None:
        return default
    return int(value) if _NUMBER.match(value) else None


def encode(s: str) -> bytes:
    try:
        return s.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a pair, as json.loads makes: no message ever had it
        return s.encode("utf-8", "replace")


def decode(b: bytes) -> str:
    return b.decode("utf-8", "surrogateescape")


def head(fields: Fields) -> bytes:
    return b"".join([encode(f"{k}={v}\n") for k, v in fields.items()]) + b"\n"


def parse(b: bytes) -> Optional[Message]:
    """Read a message; None if it is none."""
    end = b.find(b"\n")
    if not b.startswith(_MAGIC) or end < 0 or not _WORD.match(b[len(_MAGIC) : end]):
        return None
    fields = parse_fields(b, end + 1)
    if fields is None or fields[1] > _MAX_HEADER:
        return None
    m = Message(decode(b[len(_MAGIC) : end]), bytes(b[fields[1] :]))
    m.fields = fields[0]
    return m


def parse_fields(b: bytes, at: int) -> Optional[Tuple[Fields, int]]:
    """Read lines of fields up to an empty one, and say where it ends."""
    fields: Fields = {}
    if b[at : at + 1] == b"\n":
        return fields, at + 1
    end = b.find(b"\n\n", at)
    if end < 0:
        return None
    lines = bytes(b[at:end]).split(b"\n")
    if len(lines) > _MAX_FIELDS:
        return None
    for line in lines:
        key, found, value = line.partition(b"=")
        if not found or not _WORD.match(key):
            return None
        fields[decode(key)] = decode(value)
    if len(fields) != len(lines):  # a key twice
        return None
    return fields, end + 2


def valid_id(s: str) -> bool:
    return _ID.match(s) is not None


def group_of(queue: str) -> str:
    if not _QUEUE.match(queue):
        raise ValueError(f"{queue!r} cannot name a queue: 1 to 28 characters from $ to ~, without blanks")
    return "wq-" + queue


def cut(s: str) -> str:
    """Shorten a text to what a message carries, and to one line."""
    return decode(encode(s)[:_MAX_TEXT]).replace("\n", " ")


def names(s: str) -> List[str]:
    return [n for n in s.split(" ") if n]


def hash_of(b: bytes) -> str:
    return hashlib.sha256(b).hexdigest()
