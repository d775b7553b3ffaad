"""Replicas: copies of a state that are the same."""

from __future__ import annotations

import contextlib
import enum
import logging
import secrets
import signal
import threading
import time
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Type, Union

from ..connection import Connection, connect
from ..errors import ConnectionClosed, ErrorCode, SpreadError
from ..events import Event, Rejected, Request, Service, Transition, View
from ..events import Message as SpreadMessage
from ..names import Name
from ._core import APPLIED, REFUSED, Compact, Config, Effect, Fail, Merger, Persist, Rejoin, Resolve, Send, State, Status
from ._everywhere import Everywhere
from ._majority import BadRecords, Majority
from ._store import Store, open_store
from ._wire import GROUP_PREFIX, MAX_UPDATE, MESSAGE_TYPE, PART_SIZE, valid_id, valid_name
from .errors import Refused, ReplicaError, ResultGone, Unknown

__all__ = ["Pending", "Policy", "Replica"]

log = logging.getLogger("gospread.replica")

_FIRST_DELAY, _LONGEST_DELAY = 0.05, 5.0
_TICK = 0.1
_SLACK = 4 << 20  # bytes of what else may be on its way to the daemon
_PASSING = (
    ErrorCode.COULD_NOT_CONNECT,
    ErrorCode.CONNECTION_CLOSED,
    ErrorCode.REJECT_NOT_UNIQUE,
    ErrorCode.REJECT_QUOTA,
)
_ORDERED = (Service.FIFO, Service.CAUSAL, Service.AGREED, Service.SAFE)


class Policy(enum.Enum):
    """What happens when the network parts."""

    MAJORITY = "majority"
    """Only where more than half of the configured replicas are together updates are applied."""
    EVERYWHERE = "everywhere"
    """Each part goes on by itself. Parts that meet merge their states."""


class Pending(Future):  # type: ignore[type-arg]
    """An update that was submitted: a future of the result of ``State.apply``.

    Its exceptions are ``Refused``, ``Unknown``, ``ResultGone``. It cannot be cancelled.
    """

    def __init__(self, id: str) -> None:
        super().__init__()
        self.id = id
        self.set_running_or_notify_cancel()


class Replica:
    """One copy of a state.

    It runs in threads of its own between ``start`` and ``stop``, which a ``with`` block does, or in
    ``run``. All methods may be called by any thread.
    """

    def __init__(
        self,
        daemon: Name,
        state: str,
        name: str,
        machine: State,
        *,
        replicas: Sequence[str] = (),
        policy: Policy = Policy.MAJORITY,
        store: Optional[str] = None,
        pending: int = 1000,
        pending_bytes: int = 16 << 20,
        log_entries: int = 10_000,
        log_bytes: int = 16 << 20,
        held_bytes: int = 64 << 20,
        compact_bytes: int = 4 << 20,
        patience: float = 5.0,
        **options: Any,
    ) -> None:
        """Make a replica of state, and load its store.

        daemon and options are those of ``gospread.connect``. state names what is replicated, 1 to
        28 characters from ``$`` to ``~``; its replicas are the members of the group ``rp-`` + state. name
        is this replica's own, 1 to 10 of these characters. replicas are the names of all, the same
        everywhere (``Policy.MAJORITY``).

        store: path of a file in which the replica keeps what it must not forget
        (``Policy.MAJORITY``). Without it a replica that was restarted has nothing: it counts towards a
        majority again once it has got the state.

        pending, pending_bytes: bounds of what is under way from here; more is refused.
        log_entries, log_bytes: applied updates that are kept, so that a replica that was away for a
        short time need not get the whole state. held_bytes: updates that may wait while this replica
        gets the state. compact_bytes: how much the store grows, beyond twice the last
        snapshot, before a new snapshot replaces all. patience: seconds that the members of
        a new view are waited for.
        """
        self._check(state, name, machine, replicas, policy, store)
        self._state, self._name, self._group = state, name, GROUP_PREFIX + state
        self._patience = patience
        self._options: Dict[str, Any] = {**options, "daemon": daemon, "name": name, "membership": True}
        config = Config(
            name,
            self._group,
            tuple(replicas),
            store is not None,
            pending,
            pending_bytes,
            log_entries,
            log_bytes,
            held_bytes,
            compact_bytes,
            PART_SIZE,
        )
        self._core: Union[Majority, Everywhere]
        self._store: Optional[Store] = None
        if policy is Policy.EVERYWHERE:
            self._core = Everywhere(config, machine)  # type: ignore[arg-type]
        else:
            self._core = Majority(config, machine)
            self._store, records = open_store(store, state, name, replicas)
            try:
                self._core.load(records)
            except BaseException as e:
                if self._store is not None:
                    self._store.close()
                if isinstance(e, BadRecords):
                    raise ReplicaError(f"store {store}: {e}") from None
                raise
        self._ident = (name if valid_id(name) else "py") + "." + secrets.token_hex(6)
        self._count = 0
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._work = threading.Condition(self._lock)
        self._out: List[Effect] = []
        self._queued = 0  # bytes that are yet to be sent
        self._most_queued = pending_bytes + _SLACK
        self._flush = False
        self._futures: Dict[str, Pending] = {}
        self._stop = threading.Event()
        self._failed: Optional[Exception] = None
        self._ended = False
        self._ready = False
        self._mark = -1
        self._thread: Optional[threading.Thread] = None

    @staticmethod
    def _check(
        state: str, name: str, machine: State, replicas: Sequence[str], policy: Policy, store: Optional[str]
    ) -> None:
        if not valid_name(state, 28):
            raise ValueError(f"{state!r} cannot name a state: 1 to 28 characters from $ to ~, without blanks")
        for n in (name, *replicas):
            if not valid_name(n):
                raise ValueError(f"{n!r} cannot name a replica: 1 to 10 characters from $ to ~, without blanks or #")
        if policy is Policy.EVERYWHERE:
            if store is not None:
                raise ValueError("there is no store for Policy.EVERYWHERE")
            if not hasattr(machine, "merge"):
                raise ValueError("Policy.EVERYWHERE needs a state with the method merge")
            return
        if len(set(replicas)) < len(replicas):
            raise ValueError(f"two replicas have the same name: {list(replicas)}")
        if name not in replicas:
            raise ValueError(f"{name!r} is none of the replicas {list(replicas)}")

    # What users do

    def submit(self, data: bytes, *, id: str = "") -> Pending:
        """Submit an update, and return at once.

        It is refused when there is no majority; while that is being found out, or there is no
        connection, it waits. Updates that are submitted here one after the other are applied in this
        order. id: 1 to 64 letters, digits, and ``. _ -``; an update that is submitted again under
        the same id, at any replica, is applied once, as long as it is among the last 10,000.
        """
        done: List[Callable[[], None]] = []
        with self._lock:
            if not id:
                self._count += 1
                id = f"{self._ident}.{self._count}"
            future = Pending(id)
            reason = self._unfit(id, data)
            if reason:
                future.set_exception(Refused(f"{id}: {reason}"))
                return future
            self._futures[id] = future
            self._act(lambda: self._core.submit(id, bytes(data)), done)
        _call(done)
        return future

    def _unfit(self, id: str, data: bytes) -> str:
        if self._ended:
            return "the replica has ended"
        if not valid_id(id):
            return "this cannot be an id: 1 to 64 letters, digits, and . _ -"
        if len(data) > MAX_UPDATE:
            return f"{len(data)} bytes of data, at most {MAX_UPDATE} are possible"
        if self._queued > self._most_queued:  # those who have submitted them no longer wait
            return "too many updates are under way: the daemon takes none"
        return "an update with this id is under way" if id in self._futures else ""

    def update(self, data: bytes, timeout: Optional[float] = None, *, id: str = "") -> bytes:
        """Submit an update, wait until it is applied and acknowledged, and return its result.

        After timeout seconds it is withdrawn: raises ``Refused`` if it was never sent, else ``Unknown``.
        """
        return self._await(self.submit(data, id=id), timeout)

    def sync(self, timeout: Optional[float] = None) -> None:
        """Wait until all is applied here that was acknowledged anywhere before this call."""
        done: List[Callable[[], None]] = []
        with self._lock:
            if self._ended:
                raise Refused("sync: the replica has ended")
            future = Pending("")

            def ask() -> List[Effect]:
                id, out = self._core.sync()
                future.id = id
                self._futures[id] = future
                return out

            self._act(ask, done)
        _call(done)
        try:
            self._await(future, timeout)
        except ResultGone:
            pass  # it has none

    def _await(self, future: Pending, timeout: Optional[float]) -> bytes:
        try:
            error = future.exception(timeout)
        except TimeoutError:
            error = None
        except Exception as e:  # concurrent.futures.TimeoutError is another one before Python 3.11
            if future.done() or type(e).__name__ != "TimeoutError":
                raise
            error = None
        with self._lock:
            if not future.done() and future.id in self._futures:
                del self._futures[future.id]
                future.set_exception(self._withdrawn(future.id, f"not within {timeout} s"))
        error = future.exception()
        if error is not None:
            raise error
        result: bytes = future.result()
        return result

    def _withdrawn(self, id: str, reason: str) -> ReplicaError:
        if self._core.withdraw(id):
            return Unknown(f"{id}: it is not known whether it was applied: {reason}")
        why = self._core.status().reason
        return Refused(f"{id}: {reason}" + (f": {why}" if why else ""))

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """A block in which the state does not change.

        What it sees may be old by what is under way, and at a replica without a majority by any
        amount; see ``sync``. It must not call this replica.
        """
        with self._lock:
            yield

    @property
    def status(self) -> Status:
        """How things are."""
        with self._lock:
            return self._core.status()

    def wait_for(self, wanted: Callable[[Status], bool], timeout: Optional[float] = None) -> Status:
        """Wait until the status is as wanted. Raises ``TimeoutError``, or what has ended the replica."""
        with self._lock:
            self._changed.wait_for(lambda: self._ended or wanted(self._core.status()), timeout)
            status = self._core.status()
        if wanted(status):
            return status
        if self._ended:
            raise self._failed or ReplicaError("the replica has ended")
        raise TimeoutError(f"still {status}")

    def wait_ready(self, timeout: Optional[float] = None) -> None:
        """Wait until updates are taken and the state here is current.

        Raises ``TimeoutError``, or what has ended the replica.
        """
        self.wait_for(lambda s: s.ready and s.current, timeout)

    # Life

    def start(self) -> Replica:
        """Run in a thread. What ends it before ``stop`` is raised by that."""
        self._thread = threading.Thread(target=self._in_thread, name=f"replica-{self._name}", daemon=True)
        self._thread.start()
        return self

    def _in_thread(self) -> None:
        try:
            self.run(signals=False)
        except Exception as e:
            self._failed = self._failed or e
            log.error("state %s: replica %s has ended: %s", self._state, self._name, e)

    @property
    def running(self) -> bool:
        """Whether it has not ended, be it by ``stop`` or by a failure."""
        return not self._ended and self._failed is None

    def stop(self) -> None:
        """Leave, and end what is under way: it is refused, or unknown if it was sent."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
            self._thread = None
            if self._failed is not None:
                raise self._failed

    def __enter__(self) -> Replica:
        return self.start()

    def __exit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.stop()

    def run(self, signals: bool = True) -> None:
        """Take part until ``stop``, and connect again whenever the connection is lost.

        In the main thread SIGINT and SIGTERM call ``stop``, unless signals is false. Raises what
        time does not mend. A replica can be run once.
        """
        with _signals(self._stop.set, signals):
            try:
                self._connections()
            except Exception as e:
                self._fail(e)
            finally:
                done: List[Callable[[], None]] = []
                with self._lock:
                    self._ended = True
                    self._core.lost()
                    for id, future in self._futures.items():
                        done.append(_failure(future, self._withdrawn(id, "the replica has ended")))
                    self._futures.clear()
                    self._changed.notify_all()
                _call(done)
                if self._store is not None:
                    self._store.close()
        if self._failed is not None:
            raise self._failed

    def _connections(self) -> None:
        delay = _FIRST_DELAY
        while not self._over():
            try:
                with connect(**self._options) as c:
                    log.info("state %s: connected as %s", self._state, c.private_group)
                    delay = _FIRST_DELAY
                    self._session(c)
                return
            except SpreadError as e:
                if e.code not in _PASSING:
                    raise
                log.warning("state %s: no connection, trying again: %s", self._state, e)
            self._stop.wait(delay)
            delay = min(2 * delay, _LONGEST_DELAY)

    def _over(self) -> bool:
        return self._stop.is_set() or self._failed is not None

    def _session(self, c: Connection) -> None:
        """The life of one connection. Returns at the end of the replica."""
        self._do(lambda: self._core.connected(c.private_group))
        over = threading.Event()
        worker = threading.Thread(target=self._worker, args=(c, over), name=f"replica-{self._name}-out", daemon=True)
        worker.start()
        try:
            c.join(self._group)
            self._receive(c)
        finally:
            over.set()
            with self._lock:
                self._work.notify_all()
            c.close()
            worker.join()
            with self._lock:
                self._core.lost()
                out, self._out, self._queued = self._out, [], 0
                self._notify()
            try:
                self._persist(out)
            except OSError as e:
                self._fail(e)

    def _receive(self, c: Connection) -> None:
        mark: Optional[int] = None
        since = time.monotonic()
        handled = 0
        while not self._over():
            try:
                self._handle(c, c.receive(_TICK))
            except TimeoutError:
                pass
            handled += 1
            if handled >= 256 or not c.poll():
                handled = 0
                with self._lock:
                    self._flush = True
                    self._work.notify_all()
            # Members of a view are not waited for without end.
            waiting = self._core.waiting()
            if waiting is None or waiting != mark:
                mark, since = waiting, time.monotonic()
            elif time.monotonic() - since > self._patience:
                log.warning("state %s: some replicas do not answer; going on without them", self._state)
                since = time.monotonic()
                self._do(self._core.skip)

    def _handle(self, c: Connection, event: Event) -> None:
        if isinstance(event, SpreadMessage):
            to_us = self._group in event.groups or c.private_group in event.groups
            if event.type == MESSAGE_TYPE and event.service in _ORDERED and to_us:
                sender, data = event.sender, event.data
                self._do(lambda: self._core.message(sender, data))
        elif isinstance(event, View):
            if event.group == self._group:
                view, members = f"{event.id.daemon}.{event.id.time}.{event.id.index}", event.members
                self._do(lambda: self._core.on_view(view, members))
        elif isinstance(event, Transition):
            if event.group == self._group:
                self._do(self._core.signal)
        elif isinstance(event, Rejected) and event.request is Request.JOIN:
            raise SpreadError(
                ErrorCode.ILLEGAL_GROUP, f"the daemon does not allow this replica into group {self._group}"
            )

    def _worker(self, c: Connection, over: threading.Event) -> None:
        """Do what the core wants done, and flush when there is nothing else to do."""
        away = 0.0
        while not over.is_set():
            done: List[Callable[[], None]] = []
            with self._lock:
                while not self._out and not self._flush and not over.is_set():
                    self._work.wait()
                if not self._out and self._flush:
                    self._flush = False
                    self._act(self._core.flush, done)
                if over.is_set():
                    return
                out, self._out = self._out, []
                current = self._core.status().current if away else False
            _call(done)
            try:
                self._persist(out)
            except Exception as error:
                self._fail(error)
                return
            away = 0.0 if current else away
            for e in out:
                try:
                    if isinstance(e, Send):
                        c.multicast(e.to, e.data, service=Service.AGREED, type=MESSAGE_TYPE)
                        with self._lock:
                            self._queued -= len(e.data)
                    elif isinstance(e, Rejoin):
                        log.warning("state %s: the others went on without this replica; joining again", self._state)
                        c.leave(self._group)
                        over.wait(away)
                        away = min(2 * away + 1, 30.0)
                        c.join(self._group)
                except ConnectionClosed:
                    return  # the receiver finds out
                except Exception as error:
                    self._fail(error)
                    return

    def _persist(self, out: List[Effect]) -> None:
        """Write what is to be on disk before any of the rest is done."""
        if self._store is None:
            return
        records: List[bytes] = []
        for e in out:
            if isinstance(e, Compact):
                records.clear()
                self._store.replace(e.records)
            elif isinstance(e, Persist):
                records.append(e.records)
        if records:
            self._store.append(b"".join(records))

    # The core

    def _do(self, act: Callable[[], List[Effect]]) -> None:
        done: List[Callable[[], None]] = []
        with self._lock:
            self._act(act, done)
        _call(done)

    def _act(self, act: Callable[[], List[Effect]], done: List[Callable[[], None]]) -> None:
        """Let the core act. What is to be called without the lock is added to done."""
        if self._failed is not None:
            return  # the state may be half of one, and must not be kept as a snapshot
        try:
            effects = act()
        except Exception as error:  # of the user's state
            self._failed = error
            effects = self._core.taken()  # what was applied before
        for e in effects:
            if isinstance(e, Resolve):
                future = self._futures.pop(e.id, None)
                if future is not None:
                    done.append(_resolution(future, e))
            elif isinstance(e, Fail):
                self._failed = self._failed or ReplicaError(e.reason)
            else:
                self._out.append(e)
                if isinstance(e, Send):
                    self._queued += len(e.data)
        if self._out:
            self._work.notify_all()
        if self._core.mark != self._mark:
            self._notify()

    def _fail(self, e: Exception) -> None:
        with self._lock:
            self._failed = self._failed or e

    def _notify(self) -> None:
        """Tell of a change of the status."""
        self._mark = self._core.mark
        self._changed.notify_all()
        s = self._core.status()
        if s.ready == self._ready:
            return
        self._ready = s.ready
        if s.ready:
            log.info("state %s: updates are taken, by %s", self._state, ", ".join(s.members))
        else:
            log.info("state %s: no updates are taken: %s", self._state, s.reason)


def _call(done: List[Callable[[], None]]) -> None:
    for f in done:
        f()


def _failure(future: Pending, error: Exception) -> Callable[[], None]:
    return lambda: future.set_exception(error)


def _resolution(future: Pending, e: Resolve) -> Callable[[], None]:
    if e.outcome == APPLIED and e.kept:
        return lambda: future.set_result(e.result)
    if e.outcome == APPLIED:
        return _failure(future, ResultGone(f"{e.id}: it was applied, but its result was not kept"))
    return _failure(future, (Refused if e.outcome == REFUSED else Unknown)(f"{e.id}: {e.reason}"))


@contextlib.contextmanager
def _signals(stop: Callable[[], None], wanted: bool) -> Iterator[None]:
    """Let SIGINT and SIGTERM call stop, in the main thread."""
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield
        return
    old = [(s, signal.signal(s, lambda *_: stop())) for s in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for s, handler in old:
            signal.signal(s, handler)
