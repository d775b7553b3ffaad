"""The client for asyncio."""

from __future__ import annotations

import asyncio
import socket
import warnings
import weakref
from collections import deque
from types import TracebackType
from typing import Any, AsyncIterator, Awaitable, Callable, Deque, Generator, List, Optional, Sequence, Tuple, Type, TypeVar, Union

from ..errors import ConnectionClosed, SpreadError
from ..events import Event, Service
from ..names import SOCKET_DIRS, Address, Name, parse_daemon, private_name
from ..protocol import Accept, Auth, Events, handshake
from ..session import (
    DEFAULT_LINGER,
    DEFAULT_TIMEOUT,
    END,
    Data,
    Session,
    broken_off,
    gave_up,
    located,
    lost,
    no_answer,
    tune,
    unknown_host,
)

__all__ = ["Connection", "connect"]

T = TypeVar("T")

_BURST = 50  # messages that are sent in a row before others of the loop have their turn
_MOST = 256 << 10  # bytes received ahead of receive, above which the daemon is held back


def connect(
    daemon: Name = "",
    name: Name = "",
    *,
    membership: bool = True,
    priority: bool = False,
    timeout: Optional[float] = DEFAULT_TIMEOUT,
    auth: Auth = ("NULL",),
    socket_dirs: Sequence[str] = SOCKET_DIRS,
) -> Connecting:
    """Connect to a daemon: ``c = await connect(...)``, or ``async with connect(...) as c``.

    Arguments and errors are those of ``gospread.connect``.
    """
    return Connecting(
        lambda: _connect(
            parse_daemon(daemon, socket_dirs),
            handshake(private_name(name), membership, priority, auth),
            timeout,
            membership,
        )
    )


class Connecting:
    """What ``connect`` returns: awaitable, and an asynchronous context manager that closes."""

    def __init__(self, start: Callable[[], Awaitable[Connection]]) -> None:
        self._start = start
        self._connection: Optional[Connection] = None

    def __await__(self) -> Generator[Any, None, Connection]:
        return self._start().__await__()

    async def __aenter__(self) -> Connection:
        self._connection = await self._start()
        return self._connection

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self._connection is not None:
            await self._connection.close()


async def _connect(
    address: Address, steps: Generator[Tuple[bytes, int], bytes, Accept], timeout: Optional[float], membership: bool
) -> Connection:
    tried: List[str] = []
    try:
        return await asyncio.wait_for(_establish(address, steps, tried, membership), timeout)
    except asyncio.TimeoutError:
        raise gave_up(tried[-1] if tried else "?") from None


async def _establish(
    address: Address, steps: Generator[Tuple[bytes, int], bytes, Accept], tried: List[str], membership: bool
) -> Connection:
    loop = asyncio.get_running_loop()
    sock = await _open(address, tried)
    try:
        try:
            accept = await _run(sock, steps)
        except SpreadError as e:
            raise located(e, tried[-1])
        connection = Connection(accept.private_group, accept.version, membership)
        if sock.family == getattr(socket, "AF_UNIX", None):
            await loop.create_unix_connection(lambda: _Protocol(connection), sock=sock)
        else:
            await loop.create_connection(lambda: _Protocol(connection), sock=sock)
        return connection
    except BaseException:
        sock.close()
        raise


async def _open(address: Address, tried: List[str]) -> socket.socket:
    """Make the connection; the last of tried is then where it leads."""
    failed = []
    if hasattr(socket, "AF_UNIX"):
        for path in address.sockets:
            tried.append(path)
            try:
                return await _dial(socket.AF_UNIX, path)
            except OSError as e:
                failed.append(f"{path}: {e.strerror or e}")
    if address.host is not None:
        where = f"{address.host} port {address.port}"
        tried.append(where)
        loop = asyncio.get_running_loop()
        try:
            infos = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as e:
            raise unknown_host(where, e) from None
        for family, _, _, _, target in infos:
            try:
                sock = await _dial(family, target)
                tune(sock)
                return sock
            except OSError as e:
                failed.append(f"{where}: {e.strerror or e}")
    raise no_answer(failed)


async def _dial(family: int, target: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, target)
        return sock
    except BaseException:
        sock.close()
        raise


async def _run(sock: socket.socket, steps: Generator[Tuple[bytes, int], bytes, T]) -> T:
    """Go through the steps of a handshake."""
    loop = asyncio.get_running_loop()
    answer: Optional[bytes] = None
    try:
        while True:
            out, want = next(steps) if answer is None else steps.send(answer)
            try:
                if out:
                    await loop.sock_sendall(sock, out)
            except OSError:
                pass  # a daemon that refuses at once may have closed by now; its reason is to be read
            answer = b""
            while len(answer) < want:
                more = await loop.sock_recv(sock, want - len(answer))
                if not more:
                    raise broken_off()
                answer += more
    except StopIteration as end:
        result: T = end.value
        return result
    except OSError as e:
        raise broken_off(e) from e


class Connection(Session):
    """A connection to a daemon: one client of the group system. ``connect`` makes it.

    It may be used by many tasks of its loop at once. It must be closed, which leaving
    ``async with connect(...)`` does; one that is dropped is ended without a word, with a
    ``ResourceWarning``. It receives ahead up to a bound; a connection that has
    joined something must keep receiving, lest its daemon cut it off.
    """

    def __init__(self, private_group: bytes, version: Tuple[int, int, int], membership: bool) -> None:
        super().__init__(private_group, version, membership)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport  # set by the protocol, before anybody has the connection
        self._events: Events = deque()
        self._ahead = 0  # bytes of the events
        self._reading = True
        self._receivers: Deque[asyncio.Future[None]] = deque()
        self._held = False  # the transport takes no more
        self._burst = 0
        self._senders: Deque[asyncio.Future[None]] = deque()
        self._end: asyncio.Future[None] = self._loop.create_future()

    def __del__(self) -> None:
        transport: Optional[asyncio.Transport] = getattr(self, "_transport", None)
        if transport is None or self._closed or self._lost:
            return
        try:
            # Whoever drops it last may be another thread.
            self._loop.call_soon_threadsafe(transport.abort)
        except RuntimeError:
            pass  # the loop is closed; nothing holds the socket any more
        warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)

    # Sending

    async def join(self, group: Name) -> None:
        """Ask to become a member of group; its first view tells that it is done."""
        await self._send(self._encoder.join(group))

    async def leave(self, group: Name) -> None:
        """Ask to be no member of group any more; ``SelfLeave`` tells that it is done."""
        await self._send(self._encoder.leave(group))

    async def multicast(
        self,
        groups: Union[Name, Sequence[Name]],
        data: Data,
        *,
        service: Service = Service.AGREED,
        type: int = 0,
        self_discard: bool = False,
    ) -> int:
        """Send data to one or up to 100 groups and private groups, and return its length.

        As ``gospread.Connection.multicast``. Waits while the daemon takes no more; if it is
        cancelled, nothing was sent.
        """
        view = memoryview(data)
        head = self._encoder.head(groups, view.nbytes, service, type, self_discard)
        await self._send(head + view.tobytes())
        return view.nbytes

    async def _send(self, message: bytes) -> None:
        self._burst += 1
        if self._burst > _BURST:
            # A sender that never has to wait must not keep the receivers from receiving.
            self._burst = 1
            await asyncio.sleep(0)
        while self._held and not (self._closed or self._lost):
            await self._wait(self._senders)
        if self._closed or self._lost:
            raise self._gone()
        self._transport.write(message)

    # Receiving

    async def receive(self, timeout: Optional[float] = None) -> Event:
        """The next event; waits for it up to timeout seconds, or as long as it takes.

        Raises ``TimeoutError``, ``ConnectionClosed``, ``ProtocolError``. It can be cancelled;
        nothing is lost by that or by a timeout.
        """
        deadline = None if timeout is None else self._loop.time() + timeout
        while not self._events or self._closed:
            if self._closed or self._lost:
                raise self._gone()
            if deadline is not None and deadline <= self._loop.time():
                raise TimeoutError(f"no message within {timeout} s")
            await self._wait(self._receivers, deadline)
        event, size = self._events.popleft()
        self._ahead -= size
        if not self._reading and self._ahead < _MOST // 2:
            self._reading = True
            self._transport.resume_reading()
        return event

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Receive until this side closes the connection. Raises ``ConnectionClosed`` if it is lost."""
        while True:
            try:
                event = await self.receive()
            except ConnectionClosed:
                if self._closed:
                    return
                raise
            yield event

    def poll(self) -> int:
        """How many bytes ``receive`` has to read; 0 if it would have to wait. Raises ``ConnectionClosed``."""
        if self._closed or (self._lost and not self._events):
            raise self._gone()
        return self._ahead

    async def _wait(self, waiters: Deque[asyncio.Future[None]], deadline: Optional[float] = None) -> None:
        """Wait until something has happened to those who wait there, or up to deadline."""
        future = self._loop.create_future()
        waiters.append(future)
        timer = None if deadline is None else self._loop.call_at(deadline, _wake, (future,))
        try:
            await future
        finally:
            if timer is not None:
                timer.cancel()
            if future in waiters:
                waiters.remove(future)

    # The end

    async def close(self, linger: float = DEFAULT_LINGER) -> None:
        """Take leave of the daemon and end the connection; receivers and senders that wait return.

        What was sent before still arrives. Waits up to linger seconds for the daemon to
        confirm, after which the name is free again; if it is cancelled, that is all it omits.
        Closing again does nothing.
        """
        if not self._closed:
            self._closed = True
            _wake(self._receivers)
            _wake(self._senders)
            self._events.clear()
            try:
                if not self._lost and linger > 0:
                    self._transport.write(self._encoder.kill())
                    self._transport.resume_reading()
                    await asyncio.wait((self._end,), timeout=linger)
            finally:
                self._transport.abort()
        await asyncio.wait((self._end,))

    def abort(self) -> None:
        """End the connection without a word; to others it looks like a disconnect all the same."""
        self._closed = True
        _wake(self._receivers)
        _wake(self._senders)
        self._events.clear()
        self._transport.abort()


def _wake(waiters: Sequence[asyncio.Future[None]]) -> None:
    for future in waiters:
        if not future.done():
            future.set_result(None)


class _Protocol(asyncio.Protocol):
    """What the loop calls. It does not keep the connection, which is the program's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = weakref.ref(connection)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        c = self._connection()
        assert c is not None and isinstance(transport, asyncio.Transport)
        c._transport = transport

    def data_received(self, data: bytes) -> None:
        c = self._connection()
        if c is None or c._closed:
            return
        arrived: Events = deque()
        c._decoder.feed(bytes(data), arrived)
        c._events.extend(arrived)
        c._ahead += sum([size for _, size in arrived])
        if c._decoder.error:
            c._lost = c._decoder.error.text
            c._transport.abort()
        elif c._ahead > _MOST and c._reading:
            c._reading = False
            c._transport.pause_reading()
        _wake(c._receivers)

    def pause_writing(self) -> None:
        c = self._connection()
        if c is not None:
            c._held = True

    def resume_writing(self) -> None:
        c = self._connection()
        if c is not None:
            c._held = False
            _wake(c._senders)

    def connection_lost(self, e: Optional[Exception]) -> None:
        c = self._connection()
        if c is None:
            return
        if c._lost is None:
            c._lost = END if e is None else lost(e)
        _wake(c._receivers)
        _wake(c._senders)
        if not c._end.done():
            c._end.set_result(None)
