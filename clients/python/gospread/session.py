"""What the synchronous and the asyncio client have in common."""

from __future__ import annotations

import socket
import threading
from typing import Optional, Sequence, Tuple, Union

from .errors import ConnectionClosed, ErrorCode, InvalidArgument, Refused, SpreadError
from .names import to_str
from .protocol import Decoder, Encoder

DEFAULT_TIMEOUT = 30.0
"""Seconds that connecting may take unless told otherwise."""

DEFAULT_LINGER = 1.0
"""Seconds that ``close`` waits for the daemon unless told otherwise."""

Data = Union[bytes, bytearray, memoryview]

END = "the daemon closed the connection; its log may tell why"


class Session:
    """Who a client is, and whether it still is."""

    def __init__(self, private_group: bytes, version: Tuple[int, int, int], membership: bool) -> None:
        self._private = to_str(private_group)
        self._version = version
        self._membership = membership
        self._encoder = Encoder(private_group)
        self._decoder = Decoder(private_group, version)
        self._closed = False
        self._lost: Optional[str] = None  # why nothing can be sent or received any more

    @property
    def private_group(self) -> str:
        """``#name#daemon``, under which others see this client and may send to it."""
        return self._private

    @property
    def name(self) -> str:
        """The private name, as the daemon has it."""
        return self._private[1:].partition("#")[0]

    @property
    def daemon(self) -> str:
        """The name of the daemon."""
        return self._private[1:].partition("#")[2]

    @property
    def daemon_version(self) -> Tuple[int, int, int]:
        """What the daemon says that it is."""
        return self._version

    @property
    def membership(self) -> bool:
        """Whether this connection receives views."""
        return self._membership

    @property
    def closed(self) -> bool:
        """Whether this side has closed the connection."""
        return self._closed

    def __repr__(self) -> str:
        state = " closed" if self._closed else " lost" if self._lost else ""
        return f"<{type(self).__module__}.{type(self).__name__} {self._private}{state}>"

    def _gone(self) -> ConnectionClosed:
        """Why nothing can be sent or received any more."""
        if self._closed:
            return closed_here()
        return self._decoder.error or ConnectionClosed(ErrorCode.CONNECTION_CLOSED, self._lost or END)


def tune(sock: socket.socket) -> None:
    """Set the options that a connection over TCP should have."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def patience(seconds: float) -> float:
    """So many seconds, as a lock can wait for them."""
    return min(max(seconds, 0), threading.TIMEOUT_MAX)


def closed_here() -> ConnectionClosed:
    return ConnectionClosed(ErrorCode.ILLEGAL_SESSION, "this side has closed the connection")


def lost(e: Exception) -> str:
    return f"the connection is lost: {getattr(e, 'strerror', None) or e}"


def located(e: SpreadError, where: str) -> SpreadError:
    """The error of a handshake, with the place where it happened."""
    e.args = (e.args[0], f"connect to daemon at {where}: {e.text}")
    return e


def gave_up(where: str) -> SpreadError:
    return ConnectionClosed(ErrorCode.CONNECTION_CLOSED, f"connect to daemon at {where}: gave up, the time was over")


def broken_off(why: Optional[Exception] = None) -> SpreadError:
    detail = f" ({getattr(why, 'strerror', None) or why})" if why else ""
    return ConnectionClosed(
        ErrorCode.CONNECTION_CLOSED, f"the daemon broke off the handshake{detail}; its log may tell why"
    )


def unknown_host(where: str, e: Exception) -> SpreadError:
    return InvalidArgument(ErrorCode.ILLEGAL_SPREAD, f"connect to daemon at {where}: {e}; check the host in PORT@HOST")


def no_answer(failed: Sequence[str]) -> SpreadError:
    return Refused(
        ErrorCode.COULD_NOT_CONNECT,
        f"connect to daemon at {'; '.join(failed)}; is the daemon running there, and is this its port?",
    )
