"""A connection for asyncio that comes back; see ``gospread.reconnect``."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, AsyncIterator, Generator, Optional, Sequence, Type, Union

from ..errors import ConnectionClosed, SpreadError
from ..events import Event, Service
from ..names import Name
from ..reconnect import Attempts, Lost, Restored, away
from ..session import DEFAULT_LINGER, Data, closed_here
from .connection import Connection, connect

__all__ = ["Reconnecting"]


class Reconnecting:
    """A ``gospread.aio.Connection`` that comes back, with the arguments of ``gospread.connect``.

    ``async with Reconnecting(...) as c``, or ``c = await Reconnecting(...)``, makes the first
    connection, and raises its failure; before, every other call is a ``RuntimeError``. Later ones are begun by ``receive``, and go on while nobody calls it.
    """

    def __init__(self, daemon: Name = "", name: Name = "", **options: Any) -> None:
        self._attempts = Attempts({"daemon": daemon, "name": name, **options})
        self._connection: Optional[Connection] = None
        self._restoring: Optional[asyncio.Task[Restored]] = None
        self._opened = False
        self._receiving: asyncio.Lock  # these two belong to the loop in which it is opened
        self._closed: asyncio.Event

    def __await__(self) -> Generator[Any, None, Reconnecting]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Reconnecting:
        self._receiving = asyncio.Lock()
        self._closed = asyncio.Event()
        self._opened = True
        self._connection = await connect(**self._attempts.options)
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.close()

    def _check_opened(self) -> None:
        if not self._opened:
            raise RuntimeError("this Reconnecting has not been opened: `async with Reconnecting(...) as c`, or `c = await Reconnecting(...)`")

    @property
    def connection(self) -> Optional[Connection]:
        """The present connection; ``None`` while there is none."""
        return self._connection

    async def join(self, group: Name) -> None:
        """Join group, now and after each reconnection. Without a connection, then only."""
        self._check_opened()
        self._attempts.joined(group)
        await self._request(Connection.join, group)

    async def leave(self, group: Name) -> None:
        """Leave group for good."""
        self._check_opened()
        self._attempts.left(group)
        await self._request(Connection.leave, group)

    async def _request(self, request: Any, group: Name) -> None:
        if self._closed.is_set():
            raise closed_here()
        try:
            if self._connection is not None:
                await request(self._connection, group)
        except ConnectionClosed:
            if self._closed.is_set():
                raise

    async def multicast(
        self,
        groups: Union[Name, Sequence[Name]],
        data: Data,
        *,
        service: Service = Service.AGREED,
        type: int = 0,
        self_discard: bool = False,
    ) -> int:
        """As ``Connection.multicast``; raises ``ConnectionClosed`` while there is no connection."""
        self._check_opened()
        if self._connection is None:
            raise closed_here() if self._closed.is_set() else away()
        return await self._connection.multicast(groups, data, service=service, type=type, self_discard=self_discard)

    async def receive(self, timeout: Optional[float] = None) -> Union[Event, Lost, Restored]:
        """As ``gospread.reconnect.Reconnecting.receive``, and within timeout even then."""
        self._check_opened()
        if timeout is not None and timeout <= 0 and not self._receiving.locked():
            return await self._receive(0)  # which wait_for would not even begin
        try:
            return await asyncio.wait_for(self._receive(), timeout)
        except asyncio.TimeoutError:
            raise TimeoutError(f"no message within {timeout} s") from None

    async def _receive(self, timeout: Optional[float] = None) -> Union[Event, Lost, Restored]:
        async with self._receiving:
            connection = self._connection
            if connection is None or self._restoring is not None:
                return await self._restored(timeout)
            try:
                return await connection.receive(timeout)
            except ConnectionClosed as e:
                if self._closed.is_set():
                    raise
                self._connection = None
                self._attempts.restart()
                connection.abort()
                return Lost(e)

    async def _restored(self, timeout: Optional[float]) -> Restored:
        """Wait for the connection to be there again, which takes what it takes whatever the receivers' timeouts."""
        if self._closed.is_set():
            raise closed_here()
        if self._restoring is None:
            self._restoring = asyncio.ensure_future(self._restore())
        task = self._restoring
        await asyncio.wait((task,), timeout=timeout)
        if self._closed.is_set():
            raise closed_here()
        if not task.done():
            raise TimeoutError(f"no connection within {timeout} s")
        self._restoring = None
        return task.result()

    async def _restore(self) -> Restored:
        while True:
            try:
                await asyncio.wait_for(self._closed.wait(), max(self._attempts.due - time.monotonic(), 0.000001))
                raise closed_here()
            except asyncio.TimeoutError:
                pass
            try:
                return await self._again()
            except SpreadError as e:
                if self._closed.is_set():
                    raise closed_here() from None
                self._attempts.failed(e)

    async def _again(self) -> Restored:
        connection = await connect(**self._attempts.options)
        try:
            for group in list(self._attempts.groups.values()):
                await connection.join(group)
            if self._closed.is_set():
                raise closed_here()
            self._connection = connection
        except BaseException:
            connection.abort()
            raise
        return Restored(connection.private_group)

    async def __aiter__(self) -> AsyncIterator[Union[Event, Lost, Restored]]:
        """Receive until this side closes."""
        while True:
            try:
                event = await self.receive()
            except ConnectionClosed:
                if self._closed.is_set():
                    return
                raise
            yield event

    async def close(self, linger: float = DEFAULT_LINGER) -> None:
        """Close for good, as ``Connection.close``; nothing if it has not been opened."""
        if not self._opened:
            return
        self._closed.set()
        if self._restoring is not None:
            self._restoring.cancel()
            await asyncio.gather(self._restoring, return_exceptions=True)
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close(linger)
