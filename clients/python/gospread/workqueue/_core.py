"""One worker's part in deciding who does which job. The same as Go's internal/jobtable.

It is given everything that happens, in the order in which it happens, and says what is to
be done. All workers get the same views and messages in the same order, and decide alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

from ._table import CANCELLED, CEILING, DONE, FAILED, RUNNING, STATES, WAITING, Limits, Row, Table, decode_table, merge, owned
from ._wire import PART_SIZE, Message, cut, names, parse, valid_id

_STATE_PIECE = 100_000
# Bounds of what a member keeps for a view; they must be the same everywhere.
_MAX_STATE = 4 << 30  # of a table that is sent; see CEILING
_MAX_HELD = 10_000
_MAX_HELD_PAYLOAD = 64 << 20


class Send(NamedTuple):
    """A message to be sent with AGREED service."""

    to: Tuple[str, ...]
    message: Message


class Start(NamedTuple):
    """A job to be done; its end is told by finish, also after a Stop."""

    id: str
    attempt: int
    limit: int
    """Milliseconds it may take; 0: any."""
    payload: bytes


class Stop(NamedTuple):
    """A job that should be given up."""

    id: str
    attempt: int
    reason: str


class Rejoin(NamedTuple):
    """Leave the group and join it again: the others go on without us."""


Effect = Union[Send, Start, Stop, Rejoin]


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended."""

    result: bytes = b""
    failed: bool = False
    error: str = ""
    retry: bool = False
    cancelled: bool = False


class _Task:
    """A job that this worker does, or whose outcome the others do not know."""

    __slots__ = ("attempt", "outcome", "sent")

    def __init__(self, attempt: int) -> None:
        self.attempt = attempt
        self.outcome: Optional[Outcome] = None
        self.sent = False


class _Member:
    """A worker of the present view."""

    __slots__ = ("name", "worker", "capacity", "running", "heard")

    def __init__(self, name: str, worker: str, capacity: int) -> None:
        self.name = name
        self.worker = worker
        self.capacity = capacity
        self.running = 0
        self.heard = False  # since it was looked at the last time


@dataclass
class _Probe:
    """Finds members that hang; see Go's probe.go."""

    active: bool = False
    """Something was asked or told since the last tick."""
    pinged: bool = False
    """By anybody, since the last tick."""
    waited: int = 0
    """Ticks since an own PING; 0: there is none."""


_PATIENT_TICKS = 3


class _Hello(NamedTuple):
    worker: str
    digest: str
    capacity: int
    limits: Limits


class _Amount:
    """Counts what is held."""

    __slots__ = ("messages", "bytes")

    def __init__(self) -> None:
        self.messages = self.bytes = 0

    def room(self, size: int) -> bool:
        if self.messages >= _MAX_HELD or self.bytes + size > _MAX_HELD_PAYLOAD:
            return False
        self.messages += 1
        self.bytes += size
        return True


class _Collection:
    """A table on its way."""

    __slots__ = ("next", "of", "parts", "size", "broken", "table")

    def __init__(self, of: Optional[int]) -> None:
        self.next = 0
        self.of = -1 if of is None else of
        self.parts: List[bytes] = []
        self.size = 0
        self.broken = False
        self.table: Optional[Table] = None
        """Once it was found to be good."""

    @property
    def complete(self) -> bool:
        return self.broken or (self.next == self.of and self.of > 0)


class _Exchange:
    """Makes the tables of a new view's members equal (docs/workqueue.md)."""

    def __init__(self, view: str, members: Sequence[str]) -> None:
        self.view = view
        self.members = list(members)
        self.hellos: Dict[str, _Hello] = {}
        self.deaf: Set[str] = set()
        self.skipped: Set[str] = set()
        self.states: Dict[str, _Collection] = {}
        self.sent = False
        self.away = False
        self.held: List[Tuple[str, Message]] = []
        self._submits, self._reports, self._others = _Amount(), _Amount(), _Amount()

    def hold(self, sender: str, m: Message) -> bool:
        """Keep a message until the exchange has ended; more than a queue takes is dropped."""
        of = self._others
        if m.verb in ("part", "done", "fail"):
            of = self._reports
        elif m.verb == "submit":
            of = self._submits
        if not of.room(len(m.data)):
            return False
        self.held.append((sender, m))
        return True

    def collect(self, sender: str, m: Message) -> None:
        n, of = m.number("n", -1), m.number("of", -1)
        s = self.states.setdefault(sender, _Collection(of))
        if s.complete:
            return
        if n is None or of is None or of != s.of or n != s.next or of < 1 or s.size + len(m.data) > _MAX_STATE:
            s.broken = True
            s.parts.clear()
            return
        s.parts.append(m.data)
        s.size += len(m.data)
        s.next += 1

    def complete(self, sender: str) -> bool:
        return sender in self.states and self.states[sender].complete

    def taking(self) -> Optional[List[str]]:
        """Who takes part; None if that is not yet known."""
        taking = []
        for m in self.members:
            if m in self.skipped:
                continue
            if m in self.hellos:
                taking.append(m)
            elif m not in self.deaf:
                return None
        return taking

    def senders(self, taking: Sequence[str]) -> List[str]:
        """Who sends which table, in the order of digests; nobody if all are equal."""
        digests: Dict[str, str] = {}
        for m in taking:
            digests.setdefault(self.hellos[m].digest, m)
        if len(digests) < 2:
            return []
        digests.pop("", None)
        return [digests[d] for d in sorted(digests)]


@dataclass(frozen=True)
class Counts:
    """Numbers about the queue, as this worker knows it."""

    workers: int
    capacity: int
    waiting: int
    running: int
    ended: int


class Core:
    """Not safe for use by several threads at once."""

    def __init__(self, group: str, worker: str, capacity: int, limits: Limits, part: int = PART_SIZE) -> None:
        self.group = group
        self.worker = worker
        self.capacity = capacity
        self._own_limits, self._limits = limits, limits.least(CEILING)
        self._part = part
        self.table = Table()
        self._tasks: Dict[str, _Task] = {}
        self.me = ""
        self._view = ""
        self._repeats = 0
        self._members: List[str] = []
        self._probe = _Probe()
        self._ex: Optional[_Exchange] = None
        self._people: List[_Member] = []
        self._deaf: List[str] = []
        self._retired = False
        self._touched: List[str] = []
        self._answers: List[Tuple[str, str, bool]] = []
        self._out: List[Effect] = []
        self._mark = 0

    # What happens

    def connected(self, me: str) -> None:
        """A new connection, under a name; "": there is none. Views and messages from now on are its own."""
        self._abandon()
        self.me, self._people, self._deaf, self._probe = me, [], [], _Probe()
        for t in self._tasks.values():
            t.sent = False

    def view(self, view: str, members: Sequence[str]) -> List[Effect]:
        """A view of the group: a name that no other view has, and the members in their order."""
        if not self.me or self.me not in members:
            return []
        self._view, self._members, self._repeats = view, list(members), 0
        self._exchange(view)
        return self._take()

    def _exchange(self, view: str, without: Sequence[str] = ()) -> None:
        """Begin one among the members of the view, without those that are named."""
        self._abandon()
        self._probe = _Probe()
        self._deaf = [m for m in self._deaf if m in self._members]
        self._ex = _Exchange(view, self._members)
        self._ex.skipped.update(without)
        self._mark += 1
        self._retired = False
        limits = self._own_limits
        hello = Message(
            "hello", view=view, worker=self.worker, cap=self.capacity, digest=self.table.digest(),
            deaf=" ".join(self._deaf), jobs=limits.jobs, bytes=limits.bytes, kept=limits.kept,
            keptbytes=limits.kept_bytes, result=limits.result,
        )  # fmt: skip
        self._send(hello, self.group)

    def message(self, sender: str, data: bytes) -> List[Effect]:
        """A message that was sent to the group, in its order."""
        m = parse(data)
        if m is None or not self.me or (self._ex is None and not self._people):
            return []
        if m.verb in ("hello", "state", "skip"):
            if self._ex is not None:
                self._exchanged(self._ex, sender, m)
        elif self._ex is not None:
            if not self._ex.hold(sender, m):
                self._dropped(m)
        elif m.verb in ("ping", "here", "again"):
            self._probed(sender, m)
        else:
            self._probe.active = True
            self._hear(sender)
            self._apply(sender, m)
            self._work()
        return self._take()

    def finish(self, id: str, attempt: int, outcome: Outcome) -> List[Effect]:
        """How an attempt ended."""
        t = self._tasks.get(id)
        if t is None and not outcome.failed and id in self.table.jobs:
            # It was taken away, but it is done: the first result counts.
            t = self._tasks[id] = _Task(attempt)
        if t is None or t.attempt != attempt or t.outcome is not None:
            return self._take()
        t.outcome = replace(outcome, error=cut(outcome.error))
        if self.settled:
            self._report(id, t)
        return self._take()

    def progress(self, id: str, attempt: int, percent: int, text: str) -> List[Effect]:
        """How far an attempt is."""
        row, t = self.table.jobs.get(id), self._tasks.get(id)
        if not self.settled or row is None or t is None or t.outcome is not None or not row.by(self.worker, attempt):
            return []
        percent = max(0, min(100, percent))
        m = Message("progress", id=id, worker=self.worker, attempt=attempt, percent=percent, text=cut(text))
        self._send(m, self.group, row.reply)
        return self._take()

    def set_capacity(self, n: int) -> List[Effect]:
        """How many jobs this worker takes at a time."""
        self.capacity = n
        if self.settled:
            self._send_capacity()
        else:
            self._retired = True
        return self._take()

    def skip(self) -> List[Effect]:
        """Name those who have not been heard in time, so that all go on without them."""
        ex = self._ex
        if ex is None:
            return []
        taking = ex.taking()
        if taking is None:
            known = {self.me, *ex.hellos, *ex.skipped, *ex.deaf}
            who = [m for m in ex.members if m not in known]
        else:
            who = [m for m in ex.senders(taking) if m != self.me and not ex.complete(m)]
        if who:
            self._send(Message("skip", view=ex.view, who=" ".join(who)), self.group)
        return self._take()

    def tick(self) -> List[Effect]:
        """Time has passed; at equal distances, in which a worker that is well answers."""
        p = self._probe
        idle = not p.active and not self.table.open and not p.waited
        pinged = p.pinged
        p.active = p.pinged = False
        if not self.settled or idle:
            return []
        if not self._silent():
            self._listen(0)
        elif p.waited == 0:
            if not pinged:
                self._ping()
            self._listen(0)
        elif p.waited < _PATIENT_TICKS:
            p.waited += 1
        else:
            p.waited += 1
            self._ping()
        return self._take()

    # What is known

    @property
    def settled(self) -> bool:
        """Whether this worker knows what the others of its view know."""
        return bool(self.me) and self._ex is None and bool(self._people)

    @property
    def waiting(self) -> Optional[int]:
        """A number that changes when a member that is waited for was heard; None if nobody is."""
        return None if self._ex is None else self._mark

    @property
    def retired(self) -> bool:
        """Whether the worker can leave without costing any job an attempt, or taking along what
        others have yet to learn."""
        if self._tasks or self.capacity > 0:
            return False
        if not self.settled:
            return self.table.clock == 0
        p = self._person(self.worker)
        return p is not None and p.capacity == 0 and p.running == 0

    @property
    def running(self) -> int:
        """How many tasks have not ended, as far as this worker knows."""
        return sum(t.outcome is None for t in self._tasks.values())

    def counts(self) -> Counts:
        waiting, ended = len(self.table.waiting), len(self.table.ended)
        return Counts(
            workers=len(self._people),
            capacity=sum(p.capacity for p in self._people),
            waiting=waiting,
            running=len(self.table.jobs) - waiting - ended,
            ended=ended,
        )

    # Deciding

    def _work(self) -> None:
        self._assign()
        self._reconcile()
        self._pay()

    def _assign(self) -> None:
        """Give waiting jobs to those who have the fewest, the first of the view among equals."""
        while self.table.waiting:
            free = [p for p in self._people if p.running < p.capacity]
            if not free:
                return
            to = min(free, key=lambda p: p.running)
            row = self.table.jobs[self.table.waiting[0][1]]
            self.table.assign(row, to.worker)
            to.running += 1
            self._touched.append(row.id)

    def _release(self, worker: str) -> None:
        p = self._person(worker)
        if p is not None:
            p.running -= 1

    def _person(self, worker: str) -> Optional[_Member]:
        for p in self._people:
            if p.worker == worker:
                return p
        return None

    def _reconcile(self) -> None:
        """Start and stop what has come to this worker or was taken from it."""
        for id in self._touched:
            row, t = self.table.jobs.get(id), self._tasks.get(id)
            mine = row is not None and row.state == RUNNING and row.worker == self.worker
            if t is not None and (row is None or not mine or t.attempt != row.attempt):
                if t.outcome is None:
                    ended = row is None or row.ended
                    reason = "the job has ended elsewhere" if ended else "the job was given to another worker"
                    self._out.append(Stop(id, t.attempt, reason))
                    del self._tasks[id]
                    t = None
                elif row is None or row.ended or t.outcome.failed:
                    del self._tasks[id]
                    t = None
            if row is None or not mine:
                continue
            if t is None:
                self._tasks[id] = _Task(row.attempt)
                self._out.append(Start(id, row.attempt, row.limit, row.blob))
            elif row.cancel and t.outcome is None and t.attempt == row.attempt:
                self._out.append(Stop(id, t.attempt, "the job was cancelled"))
        self._touched.clear()

    def _report(self, id: str, t: _Task) -> None:
        """Send the outcome of a task, if it is of use."""
        row, o = self.table.jobs.get(id), t.outcome
        assert o is not None
        if row is None or row.ended or (o.failed and not row.by(self.worker, t.attempt)):
            del self._tasks[id]
            return
        size = len(o.result)
        if size > self._limits.result:
            o = t.outcome = Outcome(
                failed=True, error=f"the result has {size} bytes, the queue allows {self._limits.result}"
            )
        t.sent = True
        about: Dict[str, object] = {"id": id, "worker": self.worker, "attempt": t.attempt}
        if o.failed:
            m = Message("fail", b"", **about, error=o.error)
            if o.retry:
                m.fields["retry"] = "1"
            if o.cancelled:
                m.fields["cancelled"] = "1"
            self._send(m, self.group)
            return
        parts, last = self._pieces(o.result, about, self.group, row.reply)
        self._send(Message("done", last, **about, parts=parts, size=size), self.group, row.reply)

    def _pieces(self, b: bytes, about: Dict[str, object], *to: str) -> Tuple[int, bytes]:
        """Send a long result in parts; return how many, and what the last message carries."""
        if len(b) <= self._part:
            return 0, b
        n = 0
        for at in range(0, len(b), self._part):
            self._send(Message("part", b[at : at + self._part], **about, n=n), *to)
            n += 1
        return n, b""

    def _send(self, m: Message, *to: str) -> None:
        self._out.append(Send(tuple(t for t in to if t), m))

    def _send_capacity(self) -> None:
        self._retired = False
        self._send(Message("cap", worker=self.worker, n=self.capacity), self.group)

    def _take(self) -> List[Effect]:
        out, self._out = self._out, []
        return out

    @property
    def _first(self) -> bool:
        """Whether this worker speaks for all."""
        return self.settled and self._people[0].name == self.me

    # Messages. Whether one makes sense is decided by message and table alone; one that
    # makes none is ignored.

    def _apply(self, sender: str, m: Message) -> None:
        if m.verb == "info":
            self._info(sender)
            return
        if m.verb == "cap":
            n, p = m.number("n", -1), self._person(m.get("worker"))
            if n is not None and n >= 0 and p is not None:
                p.capacity = n
            return
        id = m.get("id")
        if not valid_id(id):
            return
        row = self.table.jobs.get(id)
        if m.verb == "submit":
            self._submit(sender, id, row, m)
        elif m.verb == "query":
            self._answers.append((sender, id, m.number("result", 0) == 1))
        elif m.verb == "cancel":
            self._cancel(row)
            self._answers.append((sender, id, False))
        elif m.verb in ("progress", "part", "done", "fail"):
            worker, attempt = m.get("worker"), m.number("attempt", -1)
            if attempt is None or attempt < 1 or not valid_id(worker):
                return
            if row is not None:
                self._reported(row, worker, attempt, m)
            if worker == self.worker and m.verb in ("done", "fail"):
                self._own_report(id, attempt)

    def _submit(self, sender: str, id: str, row: Optional[Row], m: Message) -> None:
        quiet = m.number("quiet", 0) == 1
        most, limit = m.number("max", 3), m.number("limit", 0)
        if most is None or limit is None or most < 1:
            return
        if row is not None:
            if not quiet and not row.ended:
                row.reply = sender
            self._answers.append((sender, id, not quiet))
            return
        why = self._full(len(m.data))
        if why:
            if self._first:
                self._send(Message("status", id=id, state="refused", text=why), sender)
            return
        row = Row(id, most, limit, m.data)
        if not quiet:
            row.reply = sender
        self.table.add(row)
        self._answers.append((sender, id, False))

    def _full(self, size: int) -> str:
        open, held = self.table.open, self.table.bytes
        if open >= self._limits.jobs:
            return f"the queue is full: {open} jobs are waiting or running"
        if held + size > self._limits.bytes:
            return (
                f"the queue is full: jobs of {held} bytes are waiting or running, this one has {size}, "
                f"and the limit is {self._limits.bytes}"
            )
        return ""

    def _cancel(self, row: Optional[Row]) -> None:
        if row is None or row.ended:
            return
        if row.state == WAITING:
            self._end(row, CANCELLED, "")
        else:
            row.cancel = True
            self._touched.append(row.id)

    def _end(self, row: Row, state: int, text: str) -> None:
        if row.state == RUNNING:
            self._release(row.worker)
        self.table.finish(row, state, b"", text)
        self.table.forget(self._limits)
        if row.reply:
            self._answers.append((row.reply, row.id, False))
        self._touched.append(row.id)

    def _reported(self, row: Row, worker: str, attempt: int, m: Message) -> None:
        if m.verb == "progress":
            n = m.number("percent", 0)
            if n is not None and n <= 100 and row.by(worker, attempt):
                row.percent, row.text = n, cut(m.get("text"))
        elif m.verb == "part":
            self._add_part(row, worker, attempt, m)
        elif m.verb == "done":
            self._done(row, worker, attempt, m)
        elif row.by(worker, attempt):
            text = cut(m.get("error"))
            if row.cancel or m.number("cancelled", 0) == 1:
                self._end(row, CANCELLED, text)
            elif m.number("retry", 0) == 1 and attempt < row.max:
                self._release(worker)
                self.table.drop(row)
                self.table.requeue(row)
                row.text = text
                self._touched.append(row.id)
            else:
                self._end(row, FAILED, text)

    def _add_part(self, row: Row, worker: str, attempt: int, m: Message) -> None:
        """Collect a piece of a result. Who does the job now goes before one from whom it was taken."""
        n = m.number("n", -1)
        if n is None or n < 0 or row.ended or not 0 < len(m.data) <= PART_SIZE:
            return
        who = owned(worker, attempt)
        if n == 0 and (row.owner in ("", who) or row.owner != owned(row.worker, row.attempt)):
            self.table.drop(row)
            row.owner = who
        if row.owner != who or n != row.pieces or len(row.piece) + len(m.data) > self._limits.result:
            return
        self.table.add_piece(row, m.data, self._limits.kept_bytes)

    def _done(self, row: Row, worker: str, attempt: int, m: Message) -> None:
        """End a job with its result, whoever was to do it: the first result counts.

        One that has failed stays so: who waited for it was told.
        """
        parts, size = m.number("parts", 0), m.number("size", -1)
        if parts is None or size is None or row.ended or size > self._limits.result:
            return
        result = m.data
        if parts > 0:
            if row.owner != owned(worker, attempt) or parts != row.pieces:
                return
            result = row.piece
        if len(result) != size:
            return
        if row.state == RUNNING:
            self._release(row.worker)
        row.worker, row.attempt = worker, attempt
        self.table.finish(row, DONE, result, "")
        self.table.forget(self._limits)
        self._touched.append(row.id)

    def _own_report(self, id: str, attempt: int) -> None:
        """What this worker has sent of a task has come back at its place."""
        t, row = self._tasks.get(id), self.table.jobs.get(id)
        if t is None or t.outcome is None or t.attempt != attempt:
            return
        if row is not None and row.by(self.worker, attempt):
            # Pieces were lost in a merge: once more.
            t.sent = False
            if self.settled:
                self._report(id, t)
            return
        del self._tasks[id]
        self._touched.append(id)  # it may be ours again, in another attempt

    # Answers

    def _pay(self) -> None:
        """Answer who has asked, if this worker speaks for all."""
        if self._first:
            for to, id, result in self._answers:
                self._status(to, id, result)
        self._answers.clear()

    def _status(self, to: str, id: str, result: bool) -> None:
        row = self.table.jobs.get(id)
        if row is None:
            self._send(Message("status", id=id, state="unknown"), to)
            return
        fields: Dict[str, object] = {"id": id, "state": STATES[row.state], "attempt": row.attempt}
        data = b""
        if row.state == WAITING:
            fields["position"] = self.table.position(row)
        elif row.state == RUNNING:
            fields["percent"] = row.percent
            p = self._person(row.worker)
            if p is not None:
                fields["on"] = p.name
        elif row.state == DONE:
            fields["size"] = len(row.blob)
            if result:
                fields["parts"], data = self._pieces(row.blob, {"id": id}, to)
                fields["result"] = 1
        if row.text:
            fields["text"] = row.text
        if row.cancel:
            fields["cancel"] = 1
        self._send(Message("status", data, **fields), to)

    def _info(self, to: str) -> None:
        if not self._first:
            return
        n, limits = self.counts(), self._limits
        m = Message(
            "queue", workers=n.workers, capacity=n.capacity, waiting=n.waiting, running=n.running, ended=n.ended,
            bytes=self.table.bytes, keptbytes=self.table.kept, maxjobs=limits.jobs, maxbytes=limits.bytes,
            maxresult=limits.result,
        )  # fmt: skip
        self._send(m, to)

    # Members that hang

    def _ping(self) -> None:
        self._send(Message("ping", view=self._exchange_name), self.group)

    def _listen(self, waited: int) -> None:
        """Begin to look who is heard."""
        self._probe.waited = waited
        for p in self._people:
            p.heard = False

    def _hear(self, sender: str) -> None:
        for p in self._people:
            if p.name == sender:
                p.heard = True

    def _silent(self) -> List[str]:
        return [p.name for p in self._people if not p.heard and p.name != self.me]

    @property
    def _exchange_name(self) -> str:
        return f"{self._view}+{self._repeats}" if self._repeats else self._view

    def _probed(self, sender: str, m: Message) -> None:
        view = self._exchange_name
        if m.get("view") != view or all([p.name != sender for p in self._people]):
            return
        self._hear(sender)
        if m.verb == "again":
            who = names(m.get("who"))
            without = [p.name for p in self._people if p.name != sender and p.name in who]
            if without:
                self._repeats += 1
                self._exchange(self._exchange_name, without)
        elif m.verb != "ping":
            return
        elif sender != self.me:
            self._probe.pinged = True
            self._send(Message("here", view=view), self.group)
        elif self._probe.waited <= _PATIENT_TICKS:
            if self._probe.waited == 0:
                self._listen(1)
        else:
            silent = self._silent()
            if silent:
                self._send(Message("again", view=view, who=" ".join(silent)), self.group)
            self._listen(0)

    # The exchange of tables after a view

    def _abandon(self) -> None:
        """End an exchange that cannot come to its end: what was held acts on the own table."""
        ex = self._ex
        self._ex, self._people = None, []  # so nobody answers, and nothing is given out
        if ex is not None:
            for sender, m in ex.held:
                self._apply(sender, m)
            self._answers.clear()

    def _dropped(self, m: Message) -> None:
        """Tell an outcome of this worker again that could not be held."""
        t = self._tasks.get(m.get("id"))
        own = m.verb in ("done", "fail") and m.get("worker") == self.worker
        if own and t is not None and t.attempt == m.number("attempt", -1):
            t.sent = False

    def _exchanged(self, ex: _Exchange, sender: str, m: Message) -> None:
        if m.get("view") != ex.view or sender not in ex.members:
            return
        if m.verb == "hello":
            hello = _parse_hello(m)
            if hello is None or sender in ex.hellos:
                return
            ex.hellos[sender] = hello
            ex.deaf.update(names(m.get("deaf")))
        elif m.verb == "state":
            ex.collect(sender, m)
        else:
            ex.skipped.update(s for s in names(m.get("who")) if s != sender)
        self._mark += 1
        self._proceed(ex)

    def _good(self, ex: _Exchange, sender: str) -> bool:
        """Whether the table that has come from a member is the one that its HELLO names."""
        s, digest = ex.states[sender], ex.hellos[sender].digest
        if s.table is None and not s.broken:
            table = decode_table(b"".join(s.parts))
            if table is not None and table.digest() == digest:
                s.table = self.table if digest == ex.hellos[self.me].digest else table
            s.parts, s.broken = [], s.table is None
        return not s.broken

    def _parties(self, ex: _Exchange) -> Tuple[Optional[List[str]], List[str]]:
        """Who takes part, None if that is not yet known, and who sends which table.

        Without those whose table was found to be bad.
        """
        while True:
            taking = ex.taking()
            if taking is None or self.me not in taking:
                return taking, []
            senders = ex.senders(taking)
            bad = next((s for s in senders if ex.complete(s) and not self._good(ex, s)), None)
            if bad is None:
                return taking, senders
            ex.skipped.add(bad)

    def _proceed(self, ex: _Exchange) -> None:
        taking, senders = self._parties(ex)
        if self.me in ex.skipped or (taking is not None and self.me not in taking):
            if not ex.away:
                ex.away = True
                self._out.append(Rejoin())
            return
        if taking is None:
            return
        complete = all([ex.complete(s) for s in senders])
        if self.me in senders and not ex.sent:
            ex.sent = True
            self._send_state(ex)
        if complete:
            self._settle(ex, taking, senders)

    def _send_state(self, ex: _Exchange) -> None:
        b = self.table.encode()
        of = (len(b) + _STATE_PIECE - 1) // _STATE_PIECE
        for n in range(of):
            piece = b[n * _STATE_PIECE : (n + 1) * _STATE_PIECE]
            self._send(Message("state", piece, view=ex.view, n=n, of=of), self.group)

    def _settle(self, ex: _Exchange, taking: Sequence[str], senders: Sequence[str]) -> None:
        """End the exchange: all who take part are here at the same place in the order."""
        tables = [t for t in (ex.states[s].table for s in senders) if t is not None]
        if tables:
            self.table = merge(tables)
        self.table.drop_pieces()
        self.table.renumber()
        self._ex, self._people = None, []
        self._limits = CEILING
        for m in taking:
            hello = ex.hellos[m]
            self._limits = self._limits.least(hello.limits)
            self._people.append(_Member(m, hello.worker, hello.capacity))
        self._deaf = [m for m in ex.members if m not in taking]
        for row in self.table.jobs.values():
            p = self._person(row.worker) if row.state == RUNNING else None
            if p is not None:
                p.running += 1
        for sender, message in ex.held:
            self._apply(sender, message)
        self._take_over()
        self.table.forget(self._limits)
        self._resume()
        self._work()

    def _take_over(self) -> None:
        """Let the jobs of workers that are gone wait again, or fail if that happens too often."""
        for row in self.table.sorted():
            if row.state == WAITING and row.cancel:
                self._end(row, CANCELLED, "")
            elif row.state != RUNNING or self._person(row.worker) is not None:
                continue
            elif row.cancel:
                self._end(row, CANCELLED, "its worker was lost")
            elif row.attempt >= row.max:
                self._end(row, FAILED, f"its worker was lost, {row.attempt} times in all")
            else:
                self.table.requeue(row)

    def _resume(self) -> None:
        """Look at all of this worker's tasks and jobs, as anything may have changed."""
        if self._retired:
            self._send_capacity()
        for row in self.table.sorted():
            if row.state == RUNNING and row.worker == self.worker and row.id not in self._tasks:
                self._touched.append(row.id)
        for id in sorted(self._tasks):
            self._touched.append(id)
            t = self._tasks[id]
            if t.outcome is not None and not t.sent:
                self._report(id, t)


def _parse_hello(m: Message) -> Optional[_Hello]:
    numbers = [m.number(k, -1) for k in ("cap", "jobs", "bytes", "kept", "keptbytes", "result")]
    checked = [n for n in numbers if n is not None and n >= 0]
    if len(checked) != len(numbers) or not valid_id(m.get("worker")):
        return None
    return _Hello(m.get("worker"), m.get("digest"), checked[0], Limits(*checked[1:]))
