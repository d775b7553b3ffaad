"""The numbered results of the Spread protocol, and the exceptions made of them."""

from __future__ import annotations

import enum

__all__ = [
    "ConnectionClosed",
    "ErrorCode",
    "InvalidArgument",
    "ProtocolError",
    "Refused",
    "SpreadError",
]


class ErrorCode(enum.IntEnum):
    """The codes of the protocol and its libraries (client protocol 8.1)."""

    ILLEGAL_SPREAD = -1
    COULD_NOT_CONNECT = -2
    REJECT_QUOTA = -3
    REJECT_NO_NAME = -4
    REJECT_ILLEGAL_NAME = -5
    REJECT_NOT_UNIQUE = -6
    REJECT_VERSION = -7
    CONNECTION_CLOSED = -8
    REJECT_AUTH = -9
    ILLEGAL_SESSION = -11
    ILLEGAL_SERVICE = -12
    ILLEGAL_MESSAGE = -13
    ILLEGAL_GROUP = -14
    BUFFER_TOO_SHORT = -15
    GROUPS_TOO_SHORT = -16
    MESSAGE_TOO_LONG = -17
    NET_ERROR_ON_SESSION = -18
    SP_BUG = -19
    ILLEGAL_TIME = -20


class SpreadError(Exception):
    """What went wrong with Spread: ``args`` is ``(number, text)``.

    Waiting in vain is not one of these: it raises the builtin ``TimeoutError``.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(int(code), text)

    @property
    def code(self) -> int:
        """The number, one of ``ErrorCode`` (or what else a daemon answered)."""
        code = self.args[0]
        assert isinstance(code, int)
        try:
            return ErrorCode(code)
        except ValueError:
            return code

    @property
    def text(self) -> str:
        """What happened, where, and what to do."""
        return str(self.args[1])

    def __str__(self) -> str:
        code = self.code
        name = f" {code.name}" if isinstance(code, ErrorCode) else ""
        return f"{self.text} ({int(code)}{name})"


class ConnectionClosed(SpreadError):
    """The connection is lost (``CONNECTION_CLOSED``), or this side has closed it (``ILLEGAL_SESSION``)."""


class Refused(SpreadError):
    """The daemon, or nobody at its address, did not let the client in; ``code`` tells why."""


class InvalidArgument(SpreadError, ValueError):
    """An argument that no daemon would accept; nothing was sent."""


class ProtocolError(ConnectionClosed):
    """The daemon sent what cannot be right (``ILLEGAL_MESSAGE``); the connection was given up."""
