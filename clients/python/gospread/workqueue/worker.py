"""Workers: they do jobs of a queue."""

from __future__ import annotations

import contextlib
import logging
import secrets
import signal
import threading
import time
from collections import deque
from operator import index
from typing import Any, Callable, Deque, Dict, Iterator, List, Optional, Set, Union

from ..connection import Connection, connect
from ..errors import ConnectionClosed, ErrorCode, SpreadError
from ..events import Message as SpreadMessage
from ..events import Rejected, Request, Service, View
from ..names import Name
from ._core import Core, Counts, Effect, Outcome, Rejoin, Send, Start
from ._core import Stop as StopEffect
from ._table import Limits
from ._wire import MESSAGE_TYPE, group_of
from .errors import Cancelled, Retry

__all__ = ["Handler", "Task", "Worker"]

log = logging.getLogger("gospread.workqueue")

_PROGRESS_EVERY = 0.1
_LAST_WAIT = 2.0
"""Seconds that are waited for what should take no time: handlers that were told to stop, the last messages."""
_FIRST_DELAY, _LONGEST_DELAY = 0.05, 5.0
_PASSING = (
    ErrorCode.COULD_NOT_CONNECT,
    ErrorCode.CONNECTION_CLOSED,
    ErrorCode.REJECT_NOT_UNIQUE,
    ErrorCode.REJECT_QUOTA,
)
_ORDERED = (Service.FIFO, Service.CAUSAL, Service.AGREED, Service.SAFE)


class Task:
    """A job in the hands of a handler."""

    def __init__(self, worker: Worker, start: Start) -> None:
        self.id = start.id
        self.payload = start.payload
        self.attempt = start.attempt
        """1 the first time that the job is given to a worker."""
        self.stopped = threading.Event()
        """Set when the result is no longer wanted: the job was cancelled, given to another
        worker, has taken too long, or the worker ends."""
        self._reason = ""
        self._by_queue = False
        self._worker = worker
        self._limit = min(start.limit / 1000, threading.TIMEOUT_MAX)
        self._lock = threading.Lock()
        self._last = 0.0
        self._pending: Optional[threading.Timer] = None
        self._news = (0, "")
        self._ended = False

    def progress(self, percent: float, text: str = "") -> None:
        """Tell submitters how far the work is, from 0 to 100 percent.

        It is cheap: of many calls in a short time only the last is told.
        """
        with self._lock:
            self._news = (int(percent), _sendable(text))
            wait = self._last + _PROGRESS_EVERY - time.monotonic()
            if self._pending is not None:
                return
            if wait > 0:
                self._pending = threading.Timer(wait, self._tell)
                self._pending.daemon = True
                self._pending.start()
                return
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            self._pending, self._last = None, time.monotonic()
            if self._ended:
                return
            percent, text = self._news
        self._worker._do(lambda core: core.progress(self.id, self.attempt, percent, text))

    def check(self) -> None:
        """Raise ``Cancelled`` if the result is no longer wanted."""
        if self.stopped.is_set():
            raise Cancelled(self._reason)

    def _stop(self, reason: str, by_queue: bool) -> None:
        self._reason, self._by_queue = reason, by_queue
        self.stopped.set()


Result = Union[bytes, bytearray, memoryview, str, None]
Handler = Callable[[Task], Result]
"""Does a job and returns its result. One that raises has failed; see ``Retry``."""


class Worker:
    """Does jobs of a queue.

    The handler runs in threads, as many at a time as the capacity says. Work that computes
    in Python shares one processor among them: run more worker processes for that.
    """

    def __init__(
        self,
        daemon: Name,
        queue: str,
        handler: Handler,
        *,
        capacity: int = 1,
        limits: Optional[Limits] = None,
        grace: float = 10.0,
        patience: float = 5.0,
        name: Name = "",
        **options: Any,
    ) -> None:
        """daemon, name and options are those of ``gospread.connect``.

        grace: seconds that ``run`` waits for running handlers at the end.
        patience: seconds that the members of a new view are waited for.
        """
        if index(capacity) < 1:
            raise ValueError(f"a capacity of {capacity}")
        self._group = group_of(queue)
        self._queue = queue
        self._handler = handler
        self._grace = grace
        self._patience = patience
        self._options: Dict[str, Any] = {**options, "daemon": daemon, "name": name, "membership": True}
        self._core = Core(self._group, secrets.token_hex(16), capacity, limits or Limits())
        self._lock = threading.Lock()
        self._tasks: Dict[str, Task] = {}
        self._threads: Set[threading.Thread] = set()
        self._capacity = self._offered = capacity  # what the core knows is offered
        self._called = 0  # handlers that run, or wait for a slot
        self._leaving = False
        self._out: Deque[Union[Send, Rejoin]] = deque()
        self._more = threading.Condition(self._lock)
        self._slots = capacity  # that are free
        self._free = threading.Condition(self._lock)  # one is, or a task was stopped
        self._stop = threading.Event()
        self._killed = False

    @property
    def stats(self) -> Counts:
        """What this worker knows of the queue."""
        with self._lock:
            return self._core.counts()

    def stop(self) -> None:
        """Let ``run`` take no more jobs, wait for those that run, and return. May be called anywhere."""
        self._stop.set()

    def run(self, signals: bool = True) -> None:
        """Take part in the queue until ``stop``, and connect again whenever the connection is lost.

        Jobs and results are kept meanwhile. In the main thread SIGINT and SIGTERM call
        ``stop``, unless signals is false; the second one does what it always does. Raises
        ``gospread.SpreadError`` when it cannot connect for a reason that time does not mend.
        A worker can be run once.
        """
        with _signals(self.stop, signals):
            try:
                self._connections()
            finally:
                with self._lock:
                    self._killed = True
                    for t in self._tasks.values():
                        self._stop_task(t, "the worker ends", False)
                    threads = list(self._threads)
        latest = time.monotonic() + _LAST_WAIT
        for thread in threads:
            thread.join(max(0, latest - time.monotonic()))
            if thread.is_alive():
                log.warning("queue %s: %s goes on; its handler does not look at task.stopped", self._queue, thread.name)

    # Connections

    def _connections(self) -> None:
        end = _End(self, self._grace)
        delay = _FIRST_DELAY
        while not end.reached():
            error: Exception
            try:
                with connect(**self._options) as c:
                    log.info("queue %s: connected as %s", self._queue, c.private_group)
                    delay = _FIRST_DELAY
                    self._session(c, end)
                return
            except SpreadError as e:
                if e.code not in _PASSING:
                    raise
                error = e
            log.warning("queue %s: no connection, trying again: %s", self._queue, error)
            self._stop.wait(delay)
            if self._stop.is_set() and not end.reached():
                time.sleep(delay)  # what is done here may still be told
            delay = min(2 * delay, _LONGEST_DELAY)

    def _session(self, c: Connection, end: _End) -> None:
        """The life of one connection. Returns at the end of the worker."""
        with self._lock:
            self._core.connected(c.private_group)
        over = threading.Event()
        sender = threading.Thread(target=self._sender, args=(c, over), name="spread-sender", daemon=True)
        sender.start()
        try:
            c.join(self._group)
            self._receive(c, end)
        finally:
            with self._lock:
                over.set()
                self._more.notify_all()
            sender.join(_LAST_WAIT)  # it sends what is left
            c.close()
            sender.join()
            with self._lock:
                self._out.clear()
                self._core.connected("")

    def _receive(self, c: Connection, end: _End) -> None:
        mark: Optional[int] = None
        since = ticked = time.monotonic()
        while not end.reached():
            try:
                event = c.receive(0.1)
            except TimeoutError:
                event = None
            if isinstance(event, SpreadMessage):
                if event.type == MESSAGE_TYPE and event.service in _ORDERED and self._group in event.groups:
                    sender, data = event.sender, event.data
                    self._do(lambda core: core.message(sender, data))
            elif isinstance(event, View):
                if event.group == self._group:
                    view, members = ".".join([str(n) for n in _words(event)]), event.members
                    self._do(lambda core: core.view(view, members))
            elif isinstance(event, Rejected) and event.request is Request.JOIN:
                raise SpreadError(
                    ErrorCode.ILLEGAL_GROUP, f"the daemon does not allow this worker into group {self._group}"
                )
            if time.monotonic() - ticked > self._patience:
                ticked = time.monotonic()
                self._do(lambda core: core.tick())
            # Members of a view are not waited for without end.
            waiting = self._core.waiting
            if waiting is None or waiting != mark:
                mark, since = waiting, time.monotonic()
            elif time.monotonic() - since > self._patience:
                log.warning("queue %s: some workers do not answer; going on without them", self._queue)
                since = time.monotonic()
                self._do(lambda core: core.skip())

    def _sender(self, c: Connection, over: threading.Event) -> None:
        """Send what the core wants sent. This may wait for the daemon, which receiving must not."""
        while True:
            with self._lock:
                while not self._out and not over.is_set():
                    self._more.wait()
                if not self._out:
                    return
                batch, self._out = self._out, deque()
            for e in batch:
                try:
                    if isinstance(e, Send):
                        c.multicast(e.to, e.message.encode(), type=MESSAGE_TYPE)
                    else:
                        c.leave(self._group)
                        c.join(self._group)
                except ConnectionClosed:
                    return
                except SpreadError:
                    log.exception("queue %s: a message could not be sent", self._queue)

    def _do(self, act: Callable[[Core], List[Effect]]) -> None:
        """Let the core act, and do what it asks for."""
        with self._lock:
            self._perform(act(self._core))
            self._perform(self._offer(self._called - self._core.running))

    def _offer(self, stray: int) -> List[Effect]:
        """Tell the others how many jobs this worker takes when some handlers go on though their
        jobs are not this worker's any more: each of them keeps a slot."""
        n = 0 if self._leaving else max(0, self._capacity - max(0, stray))
        if n == self._offered:
            return []
        self._offered = n
        return self._core.set_capacity(n)

    def _perform(self, effects: List[Effect]) -> None:
        for e in effects:
            if isinstance(e, Start):
                self._start(e)
            elif isinstance(e, StopEffect):
                task = self._tasks.get(e.id)
                if task is not None and task.attempt == e.attempt:
                    self._stop_task(task, e.reason, True)
            else:
                if isinstance(e, Rejoin):
                    log.warning("queue %s: the others went on without this worker; joining again", self._queue)
                self._out.append(e)
                self._more.notify()

    def _stop_task(self, task: Task, reason: str, by_queue: bool) -> None:
        task._stop(reason, by_queue)
        self._free.notify_all()

    def _leave(self) -> None:
        """Take no more jobs."""
        self._leaving = True
        self._do(lambda core: [])

    # Handlers

    def _start(self, e: Start) -> None:
        if self._killed:
            return
        task = self._tasks[e.id] = Task(self, e)
        thread = threading.Thread(target=self._work, args=(task,), name=f"job {e.id}", daemon=True)
        self._threads.add(thread)
        self._called += 1
        thread.start()

    def _work(self, task: Task) -> None:
        try:
            with self._limit(task, "has waited for a handler that does not end"):
                mine = self._enter(task)
            try:
                with self._limit(task, "takes"):
                    outcome = self._call(task)
                self._finish(task, outcome)
            finally:
                if mine:
                    self._exit()
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _enter(self, task: Task) -> bool:
        """Wait for a slot; return false if the task was stopped before there was one."""
        with self._lock:
            self._free.wait_for(lambda: self._slots > 0 or task.stopped.is_set())
            if task.stopped.is_set():
                return False
            self._slots -= 1
            return True

    def _exit(self) -> None:
        with self._lock:
            self._slots += 1
            self._free.notify_all()

    @contextlib.contextmanager
    def _limit(self, task: Task, what: str) -> Iterator[None]:
        """End an attempt that takes too long. The wait for a handler that keeps its slot is
        bounded alike, and does not count as part of the work."""
        if task._limit <= 0 or task.stopped.is_set():
            yield
            return
        timer = threading.Timer(task._limit, self._late, (task, what))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _late(self, task: Task, what: str) -> None:
        reason = f"it {what} longer than {task._limit:g}s"
        outcome = Outcome(failed=True, retry=True, error=reason)

        def act(core: Core) -> List[Effect]:  # the handler may go on: first the others learn that it keeps its slot
            return self._offer(self._called - core.running + 1) + core.finish(task.id, task.attempt, outcome)

        self._end(task, act)
        with self._lock:
            self._stop_task(task, reason, False)

    def _call(self, task: Task) -> Outcome:
        if task.stopped.is_set():
            return Outcome(failed=True, error=task._reason, cancelled=task._by_queue)
        try:
            return Outcome(_result(self._handler(task)))
        except Retry as e:
            return Outcome(failed=True, retry=True, error=_told(e))
        except BaseException as e:
            if not task.stopped.is_set():
                log.exception("queue %s: job %s has failed", self._queue, task.id)
            return Outcome(failed=True, error=f"{type(e).__name__}: {_told(e)}", cancelled=task._by_queue)

    def _finish(self, task: Task, outcome: Outcome) -> None:
        """A handler has returned; only the first end of a task counts."""

        def act(core: Core) -> List[Effect]:
            self._called -= 1
            if self._killed and outcome.failed:
                return []
            return core.finish(task.id, task.attempt, outcome)

        self._end(task, act)

    def _end(self, task: Task, act: Callable[[Core], List[Effect]]) -> None:
        with task._lock:
            task._ended = True

        def end(core: Core) -> List[Effect]:
            if self._tasks.get(task.id) is task:
                del self._tasks[task.id]
            return act(core)

        self._do(end)


def _told(e: BaseException) -> str:
    """What an exception says, whatever it is made of."""
    try:
        return _sendable(str(e))
    except Exception:
        return "its text cannot be read"


class _End:
    """The end of a worker: it has been asked for, and nothing is to be waited for any more."""

    def __init__(self, worker: Worker, grace: float) -> None:
        self._worker = worker
        self._grace = grace
        self._latest: Optional[float] = None

    def reached(self) -> bool:
        if not self._worker._stop.is_set():
            return False
        if self._latest is None:
            self._latest = time.monotonic() + self._grace
            self._worker._leave()
        with self._worker._lock:
            retired = self._worker._core.retired
        return retired or time.monotonic() > self._latest


def _result(value: Result) -> bytes:
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"the handler returned a {type(value).__name__}, not bytes, str or None")
    return bytes(value)


def _sendable(text: str) -> str:
    """The text without halves of characters, which nobody can encode."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _words(view: View) -> List[int]:
    return [view.id.daemon, view.id.time, view.id.index]


@contextlib.contextmanager
def _signals(stop: Callable[[], None], wanted: bool) -> Iterator[None]:
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield
        return

    def first(number: int, _: object) -> None:
        stop()
        signal.signal(number, old[number])

    old: Dict[int, Any] = {s: signal.signal(s, first) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for s, handler in old.items():
            signal.signal(s, handler)
