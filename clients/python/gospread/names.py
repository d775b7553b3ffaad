"""Names of daemons, clients and groups."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional, Sequence, Tuple, Union

from .errors import ErrorCode, InvalidArgument

Name = Union[str, bytes]
"""A name: ``str`` travels as UTF-8, with lone surrogates for any other byte."""

MAX_GROUP_NAME = 31
MAX_PRIVATE_NAME = 10
DEFAULT_PORT = 4803

SOCKET_DIRS: Tuple[str, ...] = ("/run/spread", "/tmp")
"""Where the Unix sockets of daemons are looked for, in this order."""

_LEGAL = re.compile(rb"[\x24-\x7e]+\Z")


def to_bytes(name: Name) -> bytes:
    """The bytes of a name."""
    if isinstance(name, bytes):
        return name
    if isinstance(name, str):
        return name.encode("utf-8", "surrogateescape")
    raise TypeError(f"a name must be str or bytes, not {type(name).__name__}")


def to_str(name: bytes) -> str:
    """The reverse of ``to_bytes``."""
    return name.decode("utf-8", "surrogateescape")


def private_name(name: Name) -> bytes:
    """The checked bytes of a private name; empty lets the daemon invent one."""
    b = to_bytes(name)
    if b and (len(b) > MAX_PRIVATE_NAME or not _LEGAL.match(b)):
        raise InvalidArgument(
            ErrorCode.REJECT_ILLEGAL_NAME,
            f"private name {name!r}: must have 1 to {MAX_PRIVATE_NAME} bytes, each from $ to ~ in ASCII (no blank, no #)",
        )
    return b


def group_to_join(name: Name) -> bytes:
    """The checked and padded bytes of a group to join or leave."""
    b = to_bytes(name)
    if not 1 <= len(b) <= MAX_GROUP_NAME or not _LEGAL.match(b):
        raise InvalidArgument(
            ErrorCode.ILLEGAL_GROUP,
            f"group {name!r}: must have 1 to {MAX_GROUP_NAME} bytes, each from $ to ~ in ASCII (no blank, no #)",
        )
    return b.ljust(32, b"\0")


def destination(name: Name) -> bytes:
    """The checked and padded bytes of a name to send to: any bytes, as others may have joined such groups."""
    b = to_bytes(name)
    if not 1 <= len(b) <= MAX_GROUP_NAME or b"\0" in b:
        raise InvalidArgument(
            ErrorCode.ILLEGAL_GROUP,
            f"group {name!r}: must have 1 to {MAX_GROUP_NAME} bytes and no zero byte",
        )
    return b.ljust(32, b"\0")


class Address(NamedTuple):
    """Where a daemon may be: the Unix sockets to try, then the TCP host, if any."""

    sockets: Tuple[str, ...]
    host: Optional[str]
    port: int


# Blanks as the C library has them, and a port of any size, which counts modulo 65536 (client protocol 1.4).
_DAEMON = re.compile(r"[ \t-\r]*([+-]?[0-9]+)[ \t-\r]*(?:(\S+).*)?\Z", re.ASCII | re.DOTALL)


def parse_daemon(daemon: Name, socket_dirs: Sequence[str] = SOCKET_DIRS) -> Address:
    """Read ``PORT``, ``PORT@HOST``, ``unix:/path`` or the empty name, which is ``4803``."""
    text = to_str(daemon) if isinstance(daemon, bytes) else daemon
    if text.startswith("unix:"):
        path = text[len("unix:") :]
        if not path:
            raise _illegal(text, "has no path behind unix:")
        return Address((path,), None, 0)
    if not text:
        text = str(DEFAULT_PORT)
    if len(text) > 70:
        raise _illegal(text, "is longer than 70 bytes")
    m = _DAEMON.match(text)
    if not m:
        raise _illegal(text, "does not begin with a port")
    port, word = int(m[1]) % 65536, m[2]
    if word is None:
        return Address(tuple(f"{d}/{port}" for d in socket_dirs), "127.0.0.1", port)
    if not word.startswith("@"):
        raise _illegal(text, f"has {word!r} behind the port")
    host = word[1:]
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not host:
        raise _illegal(text, "has no host behind the @")
    return Address((), host, port)


def _illegal(text: str, what: str) -> InvalidArgument:
    return InvalidArgument(
        ErrorCode.ILLEGAL_SPREAD,
        f"daemon name {text!r} {what}; write PORT, PORT@HOST (such as 4803@localhost) or unix:/path",
    )
