"""Connections that come back: when the daemon is lost they connect again and join again.

What happened in between is missed, and the place in the order of messages is lost: the
program is told by ``Lost`` and ``Restored``, between the other events, and must bring its
state up to date itself.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Dict, Iterator, Optional, Sequence, Type, Union

from .connection import Connection, connect
from .errors import ConnectionClosed, ErrorCode, SpreadError
from .events import Event, Service
from .names import Name, group_to_join
from .session import DEFAULT_LINGER, Data, closed_here, patience

__all__ = ["Lost", "Reconnecting", "Restored"]

FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0
"""Seconds between attempts: from the first on it doubles up to the longest, less up to half of it at random."""

_FINAL = (ErrorCode.REJECT_ILLEGAL_NAME, ErrorCode.REJECT_VERSION, ErrorCode.REJECT_AUTH)


@dataclass
class Lost:
    """The connection is lost; nothing can be sent until ``Restored``."""

    __slots__ = ("error",)

    error: SpreadError


@dataclass
class Restored:
    """There is a connection again, which has joined the groups; their views follow."""

    __slots__ = ("private_group",)

    private_group: str
    """May differ from the one before."""


class Attempts:
    """When to try again, and what to join then."""

    def __init__(self, options: Dict[str, Any]) -> None:
        self.options = options
        self.groups: Dict[bytes, Name] = {}
        self.restart()

    def restart(self) -> None:
        self._delay = FIRST_DELAY
        self.due = time.monotonic()

    def failed(self, e: SpreadError) -> None:
        """Plan the next attempt, or raise what will not go away."""
        self.due = time.monotonic() + self._delay * random.uniform(0.5, 1)
        self._delay = min(self._delay * 2, LONGEST_DELAY)
        if e.code in _FINAL:
            raise e

    def joined(self, group: Name) -> None:
        self.groups[group_to_join(group)] = group

    def left(self, group: Name) -> None:
        self.groups.pop(group_to_join(group), None)


def away() -> ConnectionClosed:
    return ConnectionClosed(ErrorCode.CONNECTION_CLOSED, "the connection is lost and not yet restored")


class Reconnecting:
    """A ``gospread.Connection`` that comes back, with the arguments of ``gospread.connect``.

    The first connection is made at once, and its failure is raised. Later ones are made
    within ``receive``, which a program must keep calling. Threads may use it as they may
    use a connection.
    """

    def __init__(self, daemon: Name = "", name: Name = "", **options: Any) -> None:
        self._attempts = Attempts({"daemon": daemon, "name": name, **options})
        self._connection: Optional[Connection] = connect(**self._attempts.options)
        self._receiving = threading.RLock()
        self._changing = threading.RLock()  # of the connection and the groups
        self._closed = threading.Event()

    @property
    def connection(self) -> Optional[Connection]:
        """The present connection; ``None`` while there is none."""
        return self._connection

    def join(self, group: Name) -> None:
        """Join group, now and after each reconnection. Without a connection, then only."""
        with self._changing:
            self._attempts.joined(group)
            self._request(Connection.join, group)

    def leave(self, group: Name) -> None:
        """Leave group for good."""
        with self._changing:
            self._attempts.left(group)
            self._request(Connection.leave, group)

    def _request(self, request: Any, group: Name) -> None:
        if self._closed.is_set():
            raise closed_here()
        try:
            if self._connection is not None:
                request(self._connection, group)
        except ConnectionClosed:
            if self._closed.is_set():
                raise

    def multicast(
        self,
        groups: Union[Name, Sequence[Name]],
        data: Data,
        *,
        service: Service = Service.AGREED,
        type: int = 0,
        self_discard: bool = False,
    ) -> int:
        """As ``Connection.multicast``; raises ``ConnectionClosed`` while there is no connection."""
        connection = self._connection
        if connection is None:
            raise closed_here() if self._closed.is_set() else away()
        return connection.multicast(groups, data, service=service, type=type, self_discard=self_discard)

    def receive(self, timeout: Optional[float] = None) -> Union[Event, Lost, Restored]:
        """The next event, or news of the connection.

        Raises ``TimeoutError``; ``Refused`` if the daemon answers, but will not have this client;
        ``ConnectionClosed`` after ``close``. Connecting again may take longer than timeout.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        if not self._receiving.acquire(timeout=-1 if timeout is None else patience(timeout)):
            raise TimeoutError(f"no message within {timeout} s")
        try:
            connection = self._connection
            if connection is None:
                return self._restore(timeout, deadline)
            try:
                return connection.receive(None if deadline is None else deadline - time.monotonic())
            except ConnectionClosed as e:
                if self._closed.is_set():
                    raise
                with self._changing:
                    self._connection = None
                    self._attempts.restart()
                connection.abort()
                return Lost(e)
        finally:
            self._receiving.release()

    def _restore(self, timeout: Optional[float], deadline: Optional[float]) -> Restored:
        while True:
            due = self._attempts.due
            if deadline is not None and deadline < due:
                if self._closed.wait(max(deadline - time.monotonic(), 0)):
                    raise closed_here()
                raise TimeoutError(f"no connection within {timeout} s")
            if self._closed.wait(max(due - time.monotonic(), 0)):
                raise closed_here()
            try:
                return self._again()
            except SpreadError as e:
                if self._closed.is_set():
                    raise closed_here() from None
                self._attempts.failed(e)

    def _again(self) -> Restored:
        connection = connect(**self._attempts.options)
        try:
            with self._changing:
                for group in self._attempts.groups.values():
                    connection.join(group)
                if self._closed.is_set():
                    raise closed_here()
                self._connection = connection
        except BaseException:
            connection.abort()
            raise
        return Restored(connection.private_group)

    def __iter__(self) -> Iterator[Union[Event, Lost, Restored]]:
        """Receive until this side closes."""
        while True:
            try:
                event = self.receive()
            except ConnectionClosed:
                if self._closed.is_set():
                    return
                raise
            yield event

    def close(self, linger: float = DEFAULT_LINGER) -> None:
        """Close for good, as ``Connection.close``."""
        self._closed.set()
        with self._changing:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close(linger)

    def __enter__(self) -> Reconnecting:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()
