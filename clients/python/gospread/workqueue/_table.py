"""What all workers of a queue share: the table of jobs. The same as Go's internal/jobtable."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from dataclasses import asdict, dataclass
from operator import index
from typing import Dict, List, Optional, Sequence, Tuple

from ._wire import MAX_NUMBER, Fields, hash_of, head, number, parse_fields, valid_id

WAITING, RUNNING, FAILED, CANCELLED, DONE = range(5)
"""What has become of a job. Of two states of one job the higher counts."""
STATES = ("waiting", "running", "failed", "cancelled", "done")


@dataclass(frozen=True)
class Limits:
    """What the workers of a queue keep. Among those that are together the least holds."""

    jobs: int = 10_000
    """Jobs that wait or run."""
    bytes: int = 64 << 20
    """Of their payloads."""
    kept: int = 10_000
    """Ended jobs whose results can be asked for."""
    kept_bytes: int = 64 << 20
    """Of their results, and as much again of unfinished ones."""
    result: int = 16 << 20
    """Bytes of one result; kept_bytes bounds it too."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if index(value) < 0:
                raise ValueError(f"a limit below zero: {name}={value}")

    def least(self, other: Limits) -> Limits:
        mine, theirs = asdict(self), asdict(other)
        least = {k: min(v, theirs[k]) for k, v in mine.items()}
        return Limits(**{**least, "result": min(least["result"], least["kept_bytes"])})


CEILING = Limits(jobs=250_000, bytes=1 << 30, kept=250_000, kept_bytes=1 << 30, result=1 << 30)
"""The most that any workers keep, whatever they want: so a table fits in one STATE."""


class Row:
    """A job; all of it is the same at all workers."""

    __slots__ = (
        "id", "seq", "state", "attempt", "max", "limit", "reply", "worker", "percent", "text", "cancel", "end",
        "blob", "owner", "pieces", "piece", "_hash",
    )  # fmt: skip

    def __init__(self, id: str, max: int = 3, limit: int = 0, blob: bytes = b"") -> None:
        self.id = id
        self.seq = 0
        self.state = WAITING
        self.attempt = 0
        self.max = max
        self.limit = limit
        self.reply = ""
        self.worker = ""
        self.percent = 0
        self.text = ""
        self.cancel = False
        self.end = 0
        self.blob = blob
        # The pieces of a result that have come since the tables were made equal, and from which
        # attempt. They are not in the row that is sent and hashed.
        self.owner = ""
        self.pieces = 0
        self.piece = b""
        self._hash: Optional[str] = None

    @property
    def ended(self) -> bool:
        return self.state >= FAILED

    @property
    def place(self) -> Tuple[int, str]:
        return self.seq, self.id

    @property
    def ending(self) -> Tuple[int, str]:
        return self.end, self.id

    @property
    def possible(self) -> bool:
        """Whether a row that has come can have come about.

        Then what is counted on from it stays a number that messages can carry.
        """
        if self.state == WAITING:
            return self.attempt < self.max
        return self.state != RUNNING or 1 <= self.attempt <= self.max

    def by(self, worker: str, attempt: int) -> bool:
        """Whether that worker does it now, in that attempt."""
        return self.state == RUNNING and self.worker == worker and self.attempt == attempt

    def set_blob(self, blob: bytes) -> None:
        self.blob, self._hash = blob, None

    def drop_pieces(self) -> None:
        self.owner, self.pieces, self.piece = "", 0, b""

    def copy(self) -> Row:
        new = Row(self.id)
        for name in self.__slots__:
            setattr(new, name, getattr(self, name))
        return new

    def head(self) -> bytes:
        """The canonical form: always all fields in this order, and hashes of the data."""
        if self._hash is None:
            self._hash = hash_of(self.blob)
        fields: Dict[str, object] = {
            "id": self.id, "seq": self.seq, "state": STATES[self.state], "attempt": self.attempt, "max": self.max,
            "limit": self.limit, "reply": self.reply, "worker": self.worker, "percent": self.percent, "text": self.text,
            "cancel": int(self.cancel), "end": self.end, "size": len(self.blob), "hash": self._hash,
        }  # fmt: skip
        return head({k: str(v) for k, v in fields.items()})


def owned(worker: str, attempt: int) -> str:
    """The name of an attempt of a worker."""
    return f"{worker}/{attempt}"


def _parse_row(b: bytes, at: int) -> Optional[Tuple[Row, int]]:
    found = parse_fields(b, at)
    if found is None:
        return None
    f, at = found
    row = Row(f.get("id", ""))
    numbers = {}
    for key in ("seq", "attempt", "max", "limit", "percent", "cancel", "end", "size"):
        n = number(f, key, -1)
        if n is None or n < 0:
            return None
        numbers[key] = n
    if f.get("state") not in STATES or not valid_id(row.id):
        return None
    row.state = STATES.index(f["state"])
    row.reply, row.worker, row.text = (f.get(k, "") for k in ("reply", "worker", "text"))
    row.seq, row.attempt, row.max, row.limit = (numbers[k] for k in ("seq", "attempt", "max", "limit"))
    row.percent, row.end = numbers["percent"], numbers["end"]
    row.cancel = numbers["cancel"] != 0
    end = at + numbers["size"]
    if end > len(b) or not row.possible:
        return None
    row.blob = bytes(b[at:end])
    return row, end


class Table:
    def __init__(self) -> None:
        self.clock = 0
        """Numbers submissions and ends."""
        self.jobs: Dict[str, Row] = {}
        self.waiting: List[Tuple[int, str]] = []
        """Places of those that wait, in order."""
        self.ended: List[Tuple[int, str]] = []
        self.bytes = 0
        """Of payloads of jobs that have not ended."""
        self.kept = 0
        """Bytes of results."""
        self.pieces = 0
        """Bytes of unfinished results."""
        self._partial: List[Tuple[int, str]] = []
        """Places of jobs that have pieces, in order."""

    @property
    def open(self) -> int:
        return len(self.jobs) - len(self.ended)

    def position(self, row: Row) -> int:
        return bisect_left(self.waiting, row.place)

    def add(self, row: Row) -> None:
        """Enter a new job."""
        self.clock += 1
        row.seq = self.clock
        self.put(row)

    def put(self, row: Row) -> None:
        """Enter a row as it is."""
        self.jobs[row.id] = row
        if row.ended:
            insort(self.ended, row.ending)
            self.kept += len(row.blob)
            return
        self.bytes += len(row.blob)
        if row.state == WAITING:
            insort(self.waiting, row.place)

    def assign(self, row: Row, worker: str) -> None:
        _remove(self.waiting, row.place)
        row.state, row.worker, row.percent, row.text = RUNNING, worker, 0, ""
        row.attempt += 1

    def requeue(self, row: Row) -> None:
        """Let a running job wait again, at its old place."""
        row.state = WAITING
        insort(self.waiting, row.place)

    def finish(self, row: Row, state: int, blob: bytes, text: str) -> None:
        """End a job."""
        if row.state == WAITING:
            _remove(self.waiting, row.place)
        self.bytes -= len(row.blob)
        self.clock += 1
        row.end, row.state, row.text, row.cancel = self.clock, state, text, False
        if state == DONE:
            row.percent = 100
        row.set_blob(blob)
        self.drop(row)
        insort(self.ended, row.ending)
        self.kept += len(blob)

    def forget(self, limits: Limits) -> None:
        """Drop the oldest ended jobs until the rest is within the limits."""
        while self.ended and (len(self.ended) > limits.kept or self.kept > limits.kept_bytes):
            row = self.jobs.pop(self.ended.pop(0)[1])
            self.kept -= len(row.blob)

    def add_piece(self, row: Row, data: bytes, most: int) -> None:
        """Add to the result of a job.

        If there is more of unfinished results than the most bytes, those of the last in the
        queue are dropped; their workers send them again.
        """
        if not row.pieces:
            insort(self._partial, row.place)
        row.pieces += 1
        row.piece += data
        self.pieces += len(data)
        while self.pieces > most:
            self.drop(self.jobs[self._partial[-1][1]])

    def drop(self, row: Row) -> None:
        """Forget the pieces of a job's result."""
        if row.pieces:
            _remove(self._partial, row.place)
            self.pieces -= len(row.piece)
        row.drop_pieces()

    def drop_pieces(self) -> None:
        """Forget those of all jobs."""
        for row in self.jobs.values():
            row.drop_pieces()
        self.pieces, self._partial = 0, []

    def renumber(self) -> None:
        """Begin with low numbers again when half of those that messages can carry are used up.

        That happens if somebody has forged a table.
        """
        if self.clock <= MAX_NUMBER // 2:
            return
        rows = self.sorted()
        ended = [self.jobs[id] for _, id in self.ended]
        for n, row in enumerate(rows, 1):
            row.seq = n
        for n, row in enumerate(ended, len(rows) + 1):
            row.end = n
        self.clock = len(rows) + len(ended)
        self.waiting = [row.place for row in rows if row.state == WAITING]
        self.ended = [row.ending for row in ended]

    def sorted(self) -> List[Row]:
        return sorted(self.jobs.values(), key=lambda row: row.place)

    def _head(self) -> bytes:
        return head({"clock": str(self.clock), "jobs": str(len(self.jobs))})

    def digest(self) -> str:
        """Names the contents: equal tables have equal digests, an empty one "" ."""
        if not self.clock:
            return ""
        h = hashlib.sha256(self._head())
        for row in self.sorted():
            h.update(row.head())
        return h.hexdigest()

    def encode(self) -> bytes:
        """The table, for others."""
        parts = [self._head()]
        for row in self.sorted():
            parts += (row.head(), row.blob)
        return b"".join(parts)


def _remove(places: List[Tuple[int, str]], place: Tuple[int, str]) -> None:
    i = bisect_left(places, place)
    if i < len(places) and places[i] == place:
        del places[i]


def decode_table(b: bytes) -> Optional[Table]:
    found = parse_fields(b, 0)
    if found is None:
        return None
    fields, at = found
    table = Table()
    count = number(fields, "jobs", -1)
    table.clock = number(fields, "clock", 0) or 0
    if count is None or count < 0:
        return None
    for _ in range(count):
        row = _parse_row(b, at)
        if row is None or row[0].id in table.jobs or max(row[0].seq, row[0].end) > table.clock:
            return None
        table.put(row[0])
        at = row[1]
    return table if at == len(b) else None


def merge(tables: Sequence[Table]) -> Table:
    """Make one table of several. Their order matters in ties: all workers have the same."""
    to = Table()
    best: Dict[str, Row] = {}
    for t in tables:
        to.clock = max(to.clock, t.clock)
        for id, row in t.jobs.items():
            old = best.get(id)
            if old is None:
                best[id] = row
                continue
            new = (row if _better(row, old) else old).copy()
            new.seq = min(row.seq, old.seq)
            new.cancel = not new.ended and (row.cancel or old.cancel)
            best[id] = new
    for row in best.values():
        to.put(row)
    return to


def _better(a: Row, b: Row) -> bool:
    """Whether of two rows of one job a is to stay: the one that has ended, done before
    cancelled before failed, and earlier; or has had more attempts; or runs."""
    if a.ended or b.ended:
        x, y = (a.state, -a.end), (b.state, -b.end)
    else:
        x, y = (a.attempt, a.state), (b.attempt, b.state)
    return x > y if x != y else a.head() < b.head()
