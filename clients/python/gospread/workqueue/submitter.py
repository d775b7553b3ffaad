"""Submitters: they hand in jobs and get their results."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from operator import index
from types import TracebackType
from typing import Any, Deque, Dict, Iterator, List, Optional, Set, Tuple, Type

from ..connection import Connection, connect
from ..errors import SpreadError
from ..events import Message as SpreadMessage
from ..events import Service
from ..names import Name
from ..session import Data
from ._core import Counts
from ._results import Incomplete, Parts
from ._status import State, Status, status_of
from ._wire import MESSAGE_TYPE, PART_SIZE, Message, group_of, parse, valid_id
from .errors import (
    Cancelled,
    Closed,
    Failed,
    NotDone,
    NoWorkers,
    QueueFull,
    TooLarge,
    Unknown,
    WorkQueueError,
)

__all__ = ["Job", "Submitter"]

log = logging.getLogger("gospread.workqueue")

_FIRST_DELAY, _LONGEST_DELAY = 0.05, 5.0
_RETRY = 1.0
"""Seconds of silence after which something is sent again; doubles up to 16 times as much."""
_POLL = 10.0
"""Seconds of silence after which an accepted job is asked for."""
_ATTACHED_POLL = 1.0


class Job:
    """A job that was submitted. It may be used by many threads."""

    def __init__(self, submitter: Submitter, id: str, payload: Optional[bytes], fields: Dict[str, object]) -> None:
        self.id = id
        """Any submitter can ask for the job by this name."""
        self.future: Future[bytes] = Future()
        """Gets the result; for ``asyncio.wrap_future``, ``concurrent.futures.wait`` and the like."""
        self.future.set_running_or_notify_cancel()
        # The rest is guarded by the submitter's lock.
        self._submitter = submitter
        self._payload = payload  # None: somebody else has submitted it
        self._fields = fields
        self._accepted = threading.Event()
        self._over = False
        self._status = Status(State.WAITING)
        self._news = 0
        self._asked = True  # it was submitted, on this connection, and nothing was heard
        self._again = False  # to be submitted once more, now
        self._tries = 0
        self._heard = time.monotonic()
        self._parts: Optional[Parts] = None

    def result(self, timeout: Optional[float] = None) -> bytes:
        """The result, once the job has ended; waits for it up to timeout seconds.

        Raises ``Failed``, ``Cancelled``, ``QueueFull``, ``TooLarge``, ``Unknown``, ``Closed``, and
        ``TimeoutError``, after which it may be called again.
        """
        try:
            return self.future.result(timeout)
        except FutureTimeout:
            if self.future.done():  # such an error is the result
                raise
            raise TimeoutError(f"job {self.id} has not ended within {timeout} s") from None

    def done(self) -> bool:
        """Whether the job has ended."""
        return self.future.done()

    def accepted(self, timeout: Optional[float] = None) -> None:
        """Wait until the workers have the job. Raises what ``Submitter.submit`` raises."""
        s = self._submitter
        if not self._accepted.wait(s._patience(timeout)):
            raise s._nobody(f"job {self.id} was not accepted", timeout)
        if self.future.done():
            e = self.future.exception()
            if isinstance(e, (QueueFull, Unknown, Closed)):
                raise e

    @property
    def status(self) -> Status:
        """What is known here, without asking."""
        with self._submitter._lock:
            return self._status

    def progress(self) -> Iterator[Status]:
        """What is heard of the job, until it has ended. Who is slow gets the latest only."""
        s = self._submitter
        seen = 0
        while True:
            with s._changed:
                s._changed.wait_for(lambda: self._news != seen or self._over)
                if self._over:
                    return
                seen, status = self._news, self._status
            yield status

    def cancel(self) -> Status:
        """Ask the workers to drop the job; see ``Submitter.cancel``."""
        return self._submitter.cancel(self.id)

    def forget(self) -> None:
        """End the waiting for the job here; the workers do it all the same."""
        self._submitter._finish(self, error=NotDone(f"job {self.id}: it was forgotten here"))
        self._submitter._settle()

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.Job {self.id} {self.status.state.value}>"

    def _message(self) -> Message:
        """The job as it is submitted, or asked for."""
        if self._payload is None:
            return Message("query", id=self.id, result=1)
        return Message("submit", self._payload, id=self.id, **self._fields)


class _Query:
    """A question to the workers."""

    def __init__(self, id: str, wants_result: bool, most: int) -> None:
        self.id = id  # of the job; "" for the queue
        self._wants_result = wants_result
        self._parts = Parts(most)
        self.heard = float("-inf")
        """When a piece of the result has come."""
        self.answered = threading.Event()
        self.answer = Message("")
        self.result = b""
        self.error: Optional[WorkQueueError] = None

    def restart(self) -> None:
        self._parts.clear()

    def message(self, sender: str, m: Message) -> None:
        """Look whether this is the answer."""
        if self.answered.is_set():
            return
        if self.id == "":
            if m.verb != "queue":
                return
        elif m.verb == "part":
            if self._wants_result:
                self._parts.add(sender, m)
                self.heard = time.monotonic()
            return
        elif m.verb != "status" or m.get("state") == State.REFUSED.value:
            return
        elif self._wants_result and m.get("state") == State.DONE.value:
            if m.get("result") != "1":
                return
            try:
                self.result = self._parts.result(sender, m)
            except Incomplete:
                return
            except TooLarge as e:
                self.error = e
        self.answer = m
        self.answered.set()


class Submitter:
    """Hands in jobs and gets their results.

    It keeps its connection alive: when that is lost it connects again, and submits again what
    it waits for. It may be used by many threads at once, and must be closed, which leaving its
    ``with`` block does.
    """

    def __init__(
        self,
        daemon: Name,
        queue: str,
        *,
        no_workers: float = 15.0,
        outstanding: int = 10_000,
        max_result: int = 256 << 20,
        **options: Any,
    ) -> None:
        """Connect. daemon and options are those of ``gospread.connect``, whose errors are raised.

        no_workers: seconds after which a submission or question that nobody answers fails.
        outstanding: how many jobs are waited for at most.
        max_result: bytes of the largest result that is accepted.
        """
        self._group = group_of(queue)
        self._queue = queue
        self._no_workers = no_workers
        self._outstanding = outstanding
        self._max_result = max_result
        self._options: Dict[str, Any] = {**options, "daemon": daemon, "membership": False}
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._jobs: Dict[str, Job] = {}
        self._queries: Set[_Query] = set()
        self._endings: Deque[Tuple[Job, bytes, Optional[WorkQueueError]]] = deque()
        self._lost: Optional[SpreadError] = None
        self._end = threading.Event()
        self._kick = threading.Event()  # something is to be sent again
        self._connection: Optional[Connection] = connect(**self._options)
        self._threads = [
            threading.Thread(target=f, name=f"spread-{queue}", daemon=True) for f in (self._connections, self._repeat)
        ]
        for t in self._threads:
            t.start()

    def submit(
        self,
        payload: Data,
        *,
        id: Optional[str] = None,
        max_attempts: int = 3,
        time_limit: Optional[float] = None,
        wants_result: bool = True,
        timeout: Optional[float] = None,
    ) -> Job:
        """Hand in a job; returns when the workers have it: it is then done as long as one lives.

        id: a name of 1 to 64 letters, digits, and ``. _ -``; random without. A job that is
        submitted again under its name is the same job, as long as the queue remembers it.
        max_attempts: how often it is given to a worker, if workers are lost with it or handlers
        ask for another try. time_limit: seconds that an attempt may take; one that takes longer
        has failed and is tried again. wants_result: False to forget the job here as soon as it is
        accepted. timeout: seconds to wait until it is accepted (``no_workers`` by default).

        Raises ``TooLarge``, ``QueueFull``, ``NoWorkers``, ``Closed``. After ``NoWorkers`` the job
        may have been taken all the same.
        """
        job = self.submit_nowait(
            payload, id=id, max_attempts=max_attempts, time_limit=time_limit, wants_result=wants_result
        )
        try:
            job.accepted(timeout)
        except BaseException:
            job.forget()
            raise
        return job

    def submit_nowait(
        self,
        payload: Data,
        *,
        id: Optional[str] = None,
        max_attempts: int = 3,
        time_limit: Optional[float] = None,
        wants_result: bool = True,
    ) -> Job:
        """Hand in a job and do not wait until it is accepted; see ``Job.accepted``.

        It is submitted again until it is. Raises ``TooLarge``, ``QueueFull``, ``Closed``.
        """
        payload = bytes(payload)
        if id is None:
            id = secrets.token_hex(16)
        _check_id(id)
        if index(max_attempts) < 1 or (time_limit is not None and not time_limit > 0):
            raise ValueError(f"job {id}: less than one attempt, or no time")
        if len(payload) > PART_SIZE:
            raise TooLarge(f"job {id}: the payload has {len(payload)} bytes, at most {PART_SIZE} are allowed")
        fields: Dict[str, object] = {"max": max_attempts}
        if time_limit is not None:
            fields["limit"] = max(1, round(min(time_limit * 1000, 1e15)))
        if not wants_result:
            fields["quiet"] = 1
        return self._enter(Job(self, id, payload, fields))

    def attach(self, id: str) -> Job:
        """A job that anybody has submitted, to wait for it here.

        It ends with ``Unknown`` if no worker knows it. Raises ``QueueFull``, ``Closed``.
        """
        _check_id(id)
        return self._enter(Job(self, id, None, {}))

    def status(self, id: str) -> Status:
        """Ask the workers for a job that anybody has submitted. Raises ``NoWorkers``, ``Closed``."""
        _check_id(id)
        return status_of(self._ask(_Query(id, False, 0), Message("query", id=id)))

    def result(self, id: str) -> bytes:
        """Ask the workers for the result of a job that anybody has submitted.

        Raises ``Unknown``, ``NotDone``, ``Failed``, ``Cancelled``, ``TooLarge``, ``NoWorkers``, ``Closed``.
        """
        _check_id(id)
        q = _Query(id, True, self._max_result)
        status = status_of(self._ask(q, Message("query", id=id, result=1)))
        if status.state is State.DONE:
            return q.result
        raise _ending(id, status) or NotDone(f"job {id}: {status.state.value}")

    def cancel(self, id: str) -> Status:
        """Ask the workers to drop a job, and return what has become of it: one that runs goes
        on until its handler has noticed. Raises ``NoWorkers``, ``Closed``."""
        _check_id(id)
        return status_of(self._ask(_Query(id, False, 0), Message("cancel", id=id)))

    def stats(self) -> Counts:
        """Ask the workers about the queue. Raises ``NoWorkers``, ``Closed``."""
        m = self._ask(_Query("", False, 0), Message("info"))
        return Counts(*[m.number(k, 0) or 0 for k in ("workers", "capacity", "waiting", "running", "ended")])

    def close(self) -> None:
        """End the submitter. Jobs that were accepted are done all the same; who waits gets ``Closed``."""
        with self._changed:
            self._end.set()
            self._kick.set()
            connection = self._connection
        if connection is not None:
            connection.close()
        for t in self._threads:
            if t is not threading.current_thread():
                t.join()
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            self._finish(job, error=Closed(f"job {job.id}: the submitter was closed"))
        self._settle()

    def __enter__(self) -> Submitter:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    # Sending

    def _enter(self, job: Job) -> Job:
        with self._lock:
            if self._end.is_set():
                raise Closed("the submitter is closed")
            if job.id in self._jobs:
                raise ValueError(f"job {job.id}: this submitter already waits for a job of that name")
            if len(self._jobs) >= self._outstanding:
                raise QueueFull(f"job {job.id}: this submitter waits for {len(self._jobs)} jobs")
            self._jobs[job.id] = job
        try:
            self._send(job._message())
        except SpreadError as e:
            log.debug("queue %s: job %s is submitted when there is a connection again: %s", self._queue, job.id, e)
        return job

    def _send(self, m: Message) -> None:
        with self._lock:
            c, lost = self._connection, self._lost
        if c is not None:
            # When a worker says that it has the job, the daemons of all others hold it.
            service = Service.SAFE if m.verb == "submit" else Service.AGREED
            c.multicast(self._group, m.encode(), service=service, type=MESSAGE_TYPE)
        elif lost is not None:
            raise lost

    def _ask(self, q: _Query, m: Message) -> Message:
        begun = time.monotonic()
        with self._lock:
            self._queries.add(q)
        try:
            while not self._end.is_set():
                now = time.monotonic()
                left = max(begun, q.heard) + self._no_workers - now
                if left <= 0:
                    raise self._nobody("a question was not answered", None)
                if now - q.heard >= _RETRY:
                    try:
                        self._send(m)
                    except SpreadError:
                        pass  # there will be another connection
                if q.answered.wait(min(_RETRY, left)):
                    break
        finally:
            with self._lock:
                self._queries.discard(q)
        if not q.answered.is_set():
            raise Closed("the submitter was closed")
        if q.error is not None:
            raise q.error
        return q.answer

    def _patience(self, timeout: Optional[float]) -> float:
        return self._no_workers if timeout is None else timeout

    def _nobody(self, what: str, timeout: Optional[float]) -> NoWorkers:
        what += f" within {self._patience(timeout):g} s"
        with self._lock:
            if self._connection is None:
                return NoWorkers(f"{what}: there is no connection to a daemon: {self._lost}")
        return NoWorkers(f"{what}: no worker answers; is anybody in group {self._group}?")

    def _repeat(self) -> None:
        """Send again what was not answered."""
        while not self._end.is_set():
            self._kick.wait(_RETRY / 2)
            self._kick.clear()
            try:
                for m in self._due(time.monotonic()):
                    self._send(m)
            except SpreadError:
                pass  # what is not sent is silent, and comes again

    def _due(self, now: float) -> List[Message]:
        due = []
        with self._lock:
            for job in self._jobs.values():
                silent = now - job._heard
                if job._again or (job._asked and silent >= _RETRY * (1 << min(job._tries, 4))):
                    job._tries += 1
                    due.append(job._message())
                elif not job._asked and silent >= (_ATTACHED_POLL if job._payload is None else _POLL):
                    due.append(Message("query", id=job.id, result=1))
                else:
                    continue
                job._again, job._heard = False, now
        return due

    # Receiving

    def _connections(self) -> None:
        """Receive, and connect again."""
        delay = _FIRST_DELAY
        c = self._connection
        while not self._end.is_set():
            try:
                if c is None:
                    c = connect(**self._options)
                    log.info("queue %s: connected again", self._queue)
                    self._connected(c)
                for event in c:
                    delay = _FIRST_DELAY
                    if isinstance(event, SpreadMessage) and event.type == MESSAGE_TYPE:
                        m = parse(event.data)
                        if m is not None:
                            self._message(event.sender, m)
                            self._settle()
            except SpreadError as e:
                with self._lock:
                    self._connection, self._lost = None, e
                if self._end.is_set():
                    break
                log.warning("queue %s: no connection, trying again: %s", self._queue, e)
            if c is not None:
                c.close()
                c = None
            if self._end.wait(delay):
                break
            delay = min(2 * delay, _LONGEST_DELAY)
        if c is not None:
            c.close()

    def _connected(self, c: Connection) -> None:
        with self._lock:
            if self._end.is_set():
                c.close()
                return
            self._connection, self._lost = c, None
            for job in self._jobs.values():
                job._again, job._asked, job._tries, job._parts = True, True, 0, None
            for q in self._queries:
                q.restart()
            self._kick.set()

    def _message(self, sender: str, m: Message) -> None:
        """Hand a message to who waits for it."""
        id = m.get("id")
        with self._changed:
            for q in self._queries:
                if q.id == id:
                    q.message(sender, m)
            job = self._jobs.get(id)
            if job is None:
                return
            job._heard = time.monotonic()
            if m.verb == "part":
                if job._parts is None:
                    job._parts = Parts(self._max_result)
                job._parts.add(sender, m)
            elif m.verb == "done":
                self._result(job, sender, m)
            elif m.verb == "progress":
                self._accept(job)
                self._show(job, status_of(m, State.RUNNING, sender))
            elif m.verb == "status":
                self._told(job, sender, m)

    def _told(self, job: Job, sender: str, m: Message) -> None:
        status = status_of(m)
        if status.state is State.UNKNOWN and job._payload is not None:
            job._again = job._asked = True
            self._kick.set()
            return
        error = _ending(job.id, status)
        if error is not None:
            self._show(job, status)
            self._finish(job, error=error)
        elif status.state is State.DONE:
            self._accept(job)
            if m.get("result") == "1":
                self._result(job, sender, m)
        else:
            self._accept(job)
            self._show(job, status)

    def _accept(self, job: Job) -> None:
        job._asked, job._tries = False, 0
        if "quiet" not in job._fields:
            job._accepted.set()
        else:
            self._finish(job, error=NotDone(f"job {job.id}: it was submitted without waiting for its result"))

    def _show(self, job: Job, status: Status) -> None:
        job._status = status
        job._news += 1
        self._changed.notify_all()

    def _result(self, job: Job, sender: str, m: Message) -> None:
        """End a job with its result, if that is whole."""
        self._accept(job)
        try:
            result = (job._parts or Parts(self._max_result)).result(sender, m)
        except Incomplete:
            job._heard = float("-inf")  # a query at once
            self._kick.set()
        except TooLarge as e:
            self._finish(job, error=TooLarge(f"job {job.id}: {e}"))
        else:
            job._status = Status(State.DONE, percent=100, on=job._status.on, attempt=job._status.attempt, size=len(result))
            self._finish(job, result)

    def _finish(self, job: Job, result: bytes = b"", error: Optional[WorkQueueError] = None) -> None:
        """End a job on this side; who waits for it is told by _settle."""
        with self._changed:
            if job._over:
                return
            if self._jobs.get(job.id) is job:
                del self._jobs[job.id]
            job._over, job._parts, job._payload = True, None, None
            self._endings.append((job, result, error))
            self._changed.notify_all()

    def _settle(self) -> None:
        """Tell the ends of jobs, to callbacks that may do anything: without a lock."""
        while True:
            with self._lock:
                if not self._endings:
                    return
                job, result, error = self._endings.popleft()
            if error is not None:
                job.future.set_exception(error)
            else:
                job.future.set_result(result)
            job._accepted.set()


def _check_id(id: str) -> None:
    if not valid_id(id):
        raise ValueError(f"{id!r} cannot name a job: 1 to 64 letters, digits, and . _ -")


_ENDINGS: Dict[State, Tuple[Type[WorkQueueError], str]] = {
    State.REFUSED: (QueueFull, "the queue is full"),
    State.FAILED: (Failed, "it has failed"),
    State.CANCELLED: (Cancelled, "it was cancelled"),
    State.UNKNOWN: (Unknown, "no worker knows it"),
}


def _ending(id: str, status: Status) -> Optional[WorkQueueError]:
    """The error that such an end of a job is."""
    if status.state not in _ENDINGS:
        return None
    kind, text = _ENDINGS[status.state]
    return kind(f"job {id}: {status.text or text}")
