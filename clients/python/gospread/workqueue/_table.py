"""What all workers of a queue share: the table of jobs. The same as Go's internal/jobtable."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from dataclasses import asdict, dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from ._wire import Fields, hash_of, head, number, parse_fields, valid_id

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
    """Of their results."""
    result: int = 16 << 20
    """Bytes of one result."""

    def least(self, other: Limits) -> Limits:
        mine, theirs = asdict(self), asdict(other)
        return Limits(**{k: min(v, theirs[k]) for k, v in mine.items()})


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
            "owner": self.owner, "pieces": self.pieces, "piecesize": len(self.piece), "piecehash": hash_of(self.piece),
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
    for key in ("seq", "attempt", "max", "limit", "percent", "cancel", "end", "size", "pieces", "piecesize"):
        n = number(f, key, -1)
        if n is None or n < 0:
            return None
        numbers[key] = n
    if f.get("state") not in STATES or not valid_id(row.id):
        return None
    row.state = STATES.index(f["state"])
    row.reply, row.worker, row.text, row.owner = (f.get(k, "") for k in ("reply", "worker", "text", "owner"))
    row.seq, row.attempt, row.max, row.limit = (numbers[k] for k in ("seq", "attempt", "max", "limit"))
    row.percent, row.end, row.pieces = numbers["percent"], numbers["end"], numbers["pieces"]
    row.cancel = numbers["cancel"] != 0
    middle = at + numbers["size"]
    end = middle + numbers["piecesize"]
    if end > len(b):
        return None
    row.blob, row.piece = bytes(b[at:middle]), bytes(b[middle:end])
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
        """End a job, also one that had failed before."""
        if row.ended:
            _remove(self.ended, row.ending)
            self.kept -= len(row.blob)
        else:
            if row.state == WAITING:
                _remove(self.waiting, row.place)
            self.bytes -= len(row.blob)
        self.clock += 1
        row.end, row.state, row.text, row.cancel = self.clock, state, text, False
        if state == DONE:
            row.percent = 100
        row.set_blob(blob)
        row.drop_pieces()
        insort(self.ended, row.ending)
        self.kept += len(blob)

    def forget(self, limits: Limits) -> None:
        """Drop the oldest ended jobs until the rest is within the limits."""
        while self.ended and (len(self.ended) > limits.kept or self.kept > limits.kept_bytes):
            row = self.jobs.pop(self.ended.pop(0)[1])
            self.kept -= len(row.blob)

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
            parts += (row.head(), row.blob, row.piece)
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
        if row is None or row[0].id in table.jobs:
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
