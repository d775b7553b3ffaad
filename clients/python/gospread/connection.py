"""The synchronous client."""

from __future__ import annotations

import math
import os
import select
import socket
import sys
import threading
import time
from collections import deque
from types import TracebackType
from typing import Any, Generator, Iterator, Optional, Sequence, Tuple, Type, TypeVar, Union

from .errors import ConnectionClosed, ErrorCode, SpreadError
from .events import Event, Service
from .names import SOCKET_DIRS, Address, Name, parse_daemon, private_name
from .protocol import Auth, Events, handshake
from .session import (
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
    patience,
    tune,
    unknown_host,
)

__all__ = ["Connection", "connect"]

T = TypeVar("T")

_PEEK = 64 << 10
_LONG = 1e6  # seconds, what poll can wait at least
_GATHER = 16 << 10  # from this size on, data is not copied behind its header
_PIECE = 256 << 10  # memory for a message grows as its bytes arrive

_forks = 0  # tells this process from those that it was forked from


def _forked() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def connect(
    daemon: Name = "",
    name: Name = "",
    *,
    membership: bool = True,
    priority: bool = False,
    timeout: Optional[float] = DEFAULT_TIMEOUT,
    auth: Auth = ("NULL",),
    socket_dirs: Sequence[str] = SOCKET_DIRS,
) -> Connection:
    """Connect to a daemon and introduce this client.

    daemon is ``PORT@HOST`` for TCP (an IPv6 address with or without brackets);
    ``PORT`` for the daemon with that port on this machine: its Unix socket in one
    of socket_dirs or, if there is none that answers, TCP to 127.0.0.1; ``""`` for
    ``4803``; or ``unix:/path``.

    name is the private name, 1 to 10 bytes from ``$`` to ``~``, unique at the
    daemon; without it the daemon invents one. membership: views, transitional
    signals and self-leaves are wanted. priority has no meaning to daemons. timeout
    is in seconds and bounds the whole of it, whatever addresses the host has, but for the
    look-up of these, which is the system's. For auth see ``gospread.protocol.Auth``.

    Raises ``InvalidArgument``, ``Refused`` (``COULD_NOT_CONNECT`` or the daemon's own
    reason), or ``ConnectionClosed`` if the daemon broke off or the time was over.
    """
    address = parse_daemon(daemon, socket_dirs)
    deadline = None if timeout is None else time.monotonic() + timeout
    steps = handshake(private_name(name), membership, priority, auth)
    sock, where = _open(address, deadline)
    try:
        accept = _run(sock, steps, deadline)
        sock.settimeout(None)
    except socket.timeout:
        sock.close()
        raise gave_up(where) from None
    except SpreadError as e:
        sock.close()
        raise located(e, where)
    except BaseException:
        sock.close()
        raise
    return Connection(sock, accept.private_group, accept.version, membership)


def _open(address: Address, deadline: Optional[float]) -> Tuple[socket.socket, str]:
    """Make the connection, and tell where it leads."""
    failed = []
    if hasattr(socket, "AF_UNIX"):
        for path in address.sockets:
            try:
                return _dial(socket.AF_UNIX, path, deadline), path
            except OSError as e:
                failed.append(f"{path}: {e.strerror or e}")
    if address.host is not None:
        where = f"{address.host} port {address.port}"
        try:
            infos = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as e:
            raise unknown_host(where, e) from None
        for family, _, _, _, target in infos:
            try:
                sock = _dial(family, target, deadline)
                tune(sock)
                return sock, where
            except socket.timeout:
                raise gave_up(where) from None
            except OSError as e:
                failed.append(f"{where}: {e.strerror or e}")
    raise no_answer(failed)


def _dial(family: int, target: Any, deadline: Optional[float]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(_left(deadline))
        sock.connect(target)
        return sock
    except BaseException:
        sock.close()
        raise


def _left(deadline: Optional[float]) -> Optional[float]:
    """The seconds up to deadline, of which a socket takes none to be zero."""
    return None if deadline is None else min(max(deadline - time.monotonic(), 0.000001), _LONG)


def _run(sock: socket.socket, steps: Generator[Tuple[bytes, int], bytes, T], deadline: Optional[float]) -> T:
    """Go through the steps of a handshake."""
    answer: Optional[bytes] = None
    try:
        while True:
            out, want = next(steps) if answer is None else steps.send(answer)
            sock.settimeout(_left(deadline))
            try:
                if out:
                    sock.sendall(out)
            except socket.timeout:
                raise
            except OSError:
                pass  # a daemon that refuses at once may have closed by now; its reason is to be read
            answer = b""
            while len(answer) < want:
                sock.settimeout(_left(deadline))
                more = sock.recv(want - len(answer))
                if not more:
                    raise broken_off()
                answer += more
    except StopIteration as end:
        result: T = end.value
        return result
    except socket.timeout:
        raise
    except OSError as e:
        raise broken_off(e) from e


class Connection(Session):
    """A connection to a daemon: one client of the group system. ``connect`` makes it.

    It may be used by many threads at once: each event goes to one receiver, the
    messages of one sender keep their order, and closing wakes a receiver. It must be
    closed, which leaving its ``with`` block does. A connection that has joined something
    must keep receiving, lest its daemon cut it off.

    Nothing that has arrived is hidden in the library: as long as ``fileno()`` is not
    ready for reading there is no message to receive, so it works with ``select`` and
    ``selectors``, and one ``receive`` for each time that it is ready is enough.
    """

    def __init__(self, sock: socket.socket, private_group: bytes, version: Tuple[int, int, int], membership: bool) -> None:
        super().__init__(private_group, version, membership)
        self._sock = sock
        self._seen: Events = deque()  # events that are still in the socket's buffer
        self._whole: Events = deque()  # events that are not
        # Reentrant, as signal handlers may close a connection whose receiver they interrupt.
        self._receiving = threading.RLock()
        self._sending = threading.RLock()
        self._closing = threading.RLock()
        self._unsendable: Optional[str] = None  # why nothing can be sent any more
        self._user = _forks  # the process that has used it last

    def fileno(self) -> int:
        """The file descriptor, for ``select``; -1 once closed."""
        return self._sock.fileno()

    # Sending

    def join(self, group: Name) -> None:
        """Ask to become a member of group; its first view tells that it is done."""
        self._send(self._encoder.join(group))

    def leave(self, group: Name) -> None:
        """Ask to be no member of group any more; ``SelfLeave`` tells that it is done."""
        self._send(self._encoder.leave(group))

    def multicast(
        self,
        groups: Union[Name, Sequence[Name]],
        data: Data,
        *,
        service: Service = Service.AGREED,
        type: int = 0,
        self_discard: bool = False,
    ) -> int:
        """Send data to one or up to 100 groups and private groups, and return its length.

        It is then on its way, not delivered: a member sees its own message come back at its
        place in the order, unless self_discard. This client need not be a member. type is for
        the application, -32768 to 32767. Waits while the daemon takes no more.

        Raises ``InvalidArgument`` if nothing was sent, ``ConnectionClosed``.
        """
        view = memoryview(data)
        size = view.nbytes
        head = self._encoder.head(groups, size, service, type, self_discard)
        if size < _GATHER or not view.c_contiguous:
            self._send(head + view.tobytes())
        else:
            self._send(head, view.cast("B"))
        return size

    def _send(self, head: bytes, data: Optional[memoryview] = None) -> None:
        with self._sending:
            self._user = _forks
            if self._closed or self._lost or self._unsendable:
                raise self._gone()
            try:
                if data is None:
                    self._sock.sendall(head)
                else:
                    _send_both(self._sock, head, data)
            except OSError as e:
                # What the daemon said before may still be there to receive.
                self._unsendable = lost(e)
                raise self._gone() from None
            except BaseException:
                self._unsendable = "a message was sent only in part, as its sender was interrupted"
                raise

    # Receiving

    def receive(self, timeout: Optional[float] = None) -> Event:
        """The next event; waits for it up to timeout seconds, or as long as it takes.

        Raises ``TimeoutError``, after which nothing is lost and receiving can go on,
        ``ConnectionClosed``, ``ProtocolError``.
        """
        if timeout is None:
            with self._receiving:
                return self._receive(None)
        deadline = time.monotonic() + timeout
        if not self._receiving.acquire(timeout=patience(timeout)):
            raise TimeoutError(f"no message within {timeout} s")
        try:
            return self._receive(deadline)
        except _TimeUp:
            raise TimeoutError(f"no message within {timeout} s") from None
        finally:
            self._receiving.release()

    def __iter__(self) -> Iterator[Event]:
        """Receive until this side closes the connection. Raises ``ConnectionClosed`` if it is lost."""
        while True:
            try:
                event = self.receive()
            except ConnectionClosed:
                if self._closed:
                    return
                raise
            yield event

    def poll(self) -> int:
        """How many bytes ``receive`` has to read; 0 if it would have to wait, or if another thread receives.

        Raises ``ConnectionClosed``.
        """
        if not self._receiving.acquire(blocking=False):
            if self._closed or self._lost:
                raise self._gone()
            return 0
        try:
            if self._closed or self._lost:
                raise self._gone()
            try:
                return _readable(self._sock)
            except EOFError:
                self._lost = END
            except OSError as e:
                self._lost = lost(e)
            raise self._gone()
        finally:
            self._receiving.release()

    def _receive(self, deadline: Optional[float]) -> Event:
        self._user = _forks
        if self._closed:
            raise self._gone()
        if self._whole:
            return self._whole.popleft()[0]
        while not self._seen:
            if self._decoder.error and not self._lost:
                self._lost = self._decoder.error.text
                self._hang_up()
            if self._lost:
                raise self._gone()
            self._read(deadline)
            if self._whole:
                return self._whole.popleft()[0]
        event, size = self._seen[0]
        try:
            while size > 0:
                taken = len(self._sock.recv(size))
                if not taken:
                    raise OSError("the socket was shut down")
                size -= taken
            self._seen.popleft()
        except BaseException as e:
            self._seen.clear()
            self._lost = lost(e) if isinstance(e, OSError) else _INTERRUPTED
            if isinstance(e, OSError):
                raise self._gone() from None
            raise
        return event

    def _read(self, deadline: Optional[float]) -> None:
        """Wait for what comes, and look at it.

        Whole messages stay in the socket's buffer until they are handed out, so that it
        is right about them. One that has only begun is taken out, lest it seem ready.
        """
        decoder = self._decoder
        try:
            if decoder.missing or deadline is not None:
                _wait(self._sock, deadline)
            if not decoder.missing:
                data = self._sock.recv(_PEEK, socket.MSG_PEEK)
                if decoder.scan(data, self._seen) or decoder.error:
                    return
        except OSError as e:
            self._lost = lost(e)
            return
        try:
            data = self._sock.recv(min(decoder.missing, _PIECE) or len(data))
            if data:
                decoder.feed(data, self._whole)
            else:
                self._lost = END
        except OSError as e:
            self._lost = lost(e)
        except BaseException:
            self._lost = _INTERRUPTED
            raise

    # The end

    def close(self, linger: float = DEFAULT_LINGER) -> None:
        """Take leave of the daemon and end the connection; receivers and senders that wait return.

        What was sent before still arrives. Waits up to linger seconds for the daemon to
        confirm, after which the name is free again. Closing again does nothing. Never raises.

        In a process that was forked and has not used the connection since, it only lets go of
        it: the connection stays that of the other process.
        """
        if self._user != _forks:
            # Its threads are not here; they may have held the locks.
            self._closed = True
            self._sock.close()
            return
        with self._closing:
            if self._closed:
                return
            deadline = time.monotonic() + linger
            self._closed = True
            if linger > 0 and not self._lost:
                self._take_leave(deadline)
            self._shut()

    def abort(self) -> None:
        """End the connection without a word; to others it looks like a disconnect all the same."""
        self.close(0)

    def _take_leave(self, deadline: float) -> None:
        if not self._sending.acquire(timeout=patience(deadline - time.monotonic())):
            return
        try:
            if self._unsendable:
                return
            _wait(self._sock, deadline, write=True)
            self._sock.sendall(self._encoder.kill())
        except (_TimeUp, OSError):
            return
        finally:
            self._sending.release()
        # The daemon answers with the end of the connection, which wakes a receiver, too.
        if not self._receiving.acquire(timeout=patience(deadline - time.monotonic())):
            return
        try:
            while not self._lost:
                _wait(self._sock, deadline)
                if not self._sock.recv(_PEEK):
                    return
        except (_TimeUp, OSError):
            pass
        finally:
            self._receiving.release()

    def _shut(self) -> None:
        """Wake who waits for the socket, and close it when nobody uses it any more."""
        self._hang_up()
        with self._sending, self._receiving:
            self._sock.close()

    def _hang_up(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def _gone(self) -> ConnectionClosed:
        if self._unsendable and not self._lost and not self._closed:
            return ConnectionClosed(ErrorCode.CONNECTION_CLOSED, self._unsendable)
        return super()._gone()


class _TimeUp(Exception):
    """Not a ``TimeoutError``, which the system has for connections that are lost."""


_INTERRUPTED = "a receiver was interrupted in the middle of a message"


def _send_both(sock: socket.socket, head: bytes, data: memoryview) -> None:
    """Send two pieces at once, without a copy where the system can."""
    if not hasattr(sock, "sendmsg"):
        sock.sendall(head + data)
        return
    sent = sock.sendmsg((head, data))
    if sent < len(head):
        sock.sendall(head[sent:])
        sent = len(head)
    sock.sendall(data[sent - len(head) :])


def _wait(sock: socket.socket, deadline: Optional[float], write: bool = False) -> None:
    """Wait until the socket is ready, or raise ``_TimeUp``."""
    if not _ready(sock, write, None if deadline is None else max(deadline - time.monotonic(), 0)):
        raise _TimeUp()


if hasattr(select, "poll"):

    def _ready(sock: socket.socket, write: bool, seconds: Optional[float]) -> bool:
        p = select.poll()
        p.register(sock, select.POLLOUT if write else select.POLLIN)
        # Upwards: to wake a little early would be to ask again and again.
        return bool(p.poll(seconds if seconds is None else math.ceil(min(seconds, _LONG) * 1000)))

else:

    def _ready(sock: socket.socket, write: bool, seconds: Optional[float]) -> bool:
        socks = [sock]
        return any(select.select([] if write else socks, socks if write else [], [], seconds))


try:
    import fcntl
    import termios

    def _readable(sock: socket.socket) -> int:
        """The bytes in the socket's buffer. Raises ``EOFError`` at the end of the connection."""
        count = bytearray(4)
        fcntl.ioctl(sock, termios.FIONREAD, count)
        n = int.from_bytes(count, sys.byteorder)
        if n == 0 and _ready(sock, False, 0) and not sock.recv(1, socket.MSG_PEEK):
            raise EOFError
        return n

except ImportError:

    def _readable(sock: socket.socket) -> int:
        if not _ready(sock, False, 0):
            return 0
        n = len(sock.recv(_PEEK, socket.MSG_PEEK))
        if n == 0:
            raise EOFError
        return n
