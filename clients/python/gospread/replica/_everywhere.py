"""The core of a state that goes on in every part of a parted network."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Sequence, Set

from ._core import APPLIED, Base, Config, Effect, Merger, Rejoin, Resolve, Send, Status, Update, Wish
from ._wire import MAX_UPDATE, REMEMBERED, Entry, Incoming, Memo, Memory, Message, Outgoing, Reader, digest, name_of, parse, put_bytes, put_string, valid_id

GREETING, COMPARING, MERGING, RUNNING, OUTSIDE = range(5)


class View:
    """A view of the group at one replica."""

    def __init__(self, id: str, people: List[str]) -> None:
        self.id = id
        self.people = people
        self.phase = GREETING
        self.lineage: Dict[str, str] = {}
        self.skipped: Set[str] = set()
        self.reps: List[str] = []  # the first of each lineage
        self.heads: List[str] = []  # lineages that are no beginnings of others
        self.knows: Dict[str, List[str]] = {}
        self.incoming: Dict[str, Incoming] = {}
        self.sending: Optional[Outgoing] = None
        self.current = False
        self.tail: List[Entry] = []
        self.held = 0


class Parcel(NamedTuple):
    """A state with what belongs to it."""

    lineage: str
    applied: int
    past: List[str]
    mem: Memory
    state: bytes


def read_parcel(b: bytes) -> Optional[Parcel]:
    r = Reader(b)
    lineage, applied = r.string(), r.number(8)
    past = []
    for _ in range(r.number(4)):
        past.append(r.string())
        if r.broken:
            return None
    mem = Memory()
    mem.read(r)
    state = r.bytes()
    return None if r.broken or r.more else Parcel(lineage, applied, past, mem, state)


class Everywhere(Base):
    """A replica. Its methods return what is to be done."""

    def __init__(self, config: Config, state: Merger) -> None:
        super().__init__(config)
        self.state = state
        self.lineage = ""  # names the state by all that led to it
        self.past: Dict[str, None] = {}  # lineages of earlier states
        self.applied = 0
        self.view: Optional[View] = None

    def _add_past(self, lineage: str) -> None:
        if lineage and lineage not in self.past:
            self.past[lineage] = None
            if len(self.past) > REMEMBERED:
                del self.past[next(iter(self.past))]

    def load(self, records: bytes) -> None:
        """Nothing is kept on disk."""

    def connected(self, me: str) -> List[Effect]:
        """A new connection, under a name."""
        self.me, self.view = me, None
        return self.taken()

    def lost(self) -> None:
        """There is no connection."""
        self.me, self.view = "", None

    def signal(self) -> List[Effect]:
        """Members were lost: nothing follows from it."""
        return []

    def flush(self) -> List[Effect]:
        """Nothing is kept on disk."""
        return []

    def on_view(self, view: str, members: Sequence[str]) -> List[Effect]:
        """A view of the group."""
        if not self.me or self.failed or self.me not in members:
            return []
        self.mark += 1
        self.view = View(view, list(members))
        self.tell("hello", view, self.lineage)
        return self.taken()

    def message(self, sender: str, data: bytes) -> List[Effect]:
        """A message that came in the order of the group."""
        m, v = parse(data), self.view
        if m is None or v is None or self.failed or not m.words or m.words[0] != v.id or sender not in v.people:
            return []
        if m.verb == "update":
            self._updated(v, sender, m)
        elif m.verb == "sync":
            w = m.take("sn")
            if sender == self.me and w is not None and v.phase == RUNNING and v.current:
                self._synced(int(w[1]))
        elif m.verb == "hello":
            self._helloed(v, sender, m)
        elif m.verb == "skip":
            self._skip(v, m)
        elif m.verb == "knows":
            if v.phase == COMPARING and sender in v.reps and sender not in v.knows:
                v.knows[sender] = m.words[1:]
                self.mark += 1
                self._compare(v)
        elif m.verb == "state":
            w = m.take("snn")
            if w is not None:
                self._state(v, sender, int(w[1]), int(w[2]), m.data)
        elif m.verb == "got":
            w = m.take("sn")
            if v.sending is not None and w is not None and sender in v.sending.receivers:
                v.sending.got[sender] = max(v.sending.got.get(sender, 0), int(w[1]))
                self._more(v, v.sending)
        return self.taken()

    def _helloed(self, v: View, sender: str, m: Message) -> None:
        w = m.take("ss")
        if v.phase != GREETING or w is None or sender in v.skipped or sender in v.lineage:
            return
        v.lineage[sender] = str(w[1])
        self.mark += 1
        self._greet(v)

    def waiting(self) -> Optional[int]:
        """A number that changes when one has been heard of those who must be waited for; None: nobody must be."""
        v = self.view
        return self.mark if v is not None and v.phase != OUTSIDE and not v.current else None

    def skip(self) -> List[Effect]:
        """Give up waiting: others that say nothing are left behind, or this replica begins anew."""
        v = self.view
        if v is None or self.waiting() is None:
            return []
        if v.phase == GREETING:
            silent = [p for p in v.people if p not in v.lineage and p not in v.skipped and p != self.me]
            if silent:
                self.tell("skip", v.id, *silent)
        else:
            self._rejoin(v)
        return self.taken()

    def _rejoin(self, v: View) -> None:
        v.phase = OUTSIDE
        self.emit(Rejoin())

    def _skip(self, v: View, m: Message) -> None:
        if v.phase != GREETING:
            return
        for p in m.words[1:]:
            if p in v.people and p not in v.lineage:
                v.skipped.add(p)
        if self.me in v.skipped:
            self._rejoin(v)
            return
        self.mark += 1
        self._greet(v)

    def _greet(self, v: View) -> None:
        """Look whether all have told their lineages."""
        if any(p not in v.lineage and p not in v.skipped for p in v.people):
            return
        v.people = [p for p in v.people if p not in v.skipped]
        for p in v.people:
            lineage = v.lineage[p]
            if lineage and lineage not in v.heads:
                v.heads.append(lineage)
                v.reps.append(p)
        if len(v.heads) < 2:
            self._begin(v)
            return
        v.phase = COMPARING
        if self.me in v.reps:
            self.tell("knows", v.id, *[x for x in v.heads if x in self.past and x != self.lineage])

    def _compare(self, v: View) -> None:
        """Look whether it is known which lineages are beginnings of others."""
        old: Set[str] = set()
        for p in v.reps:
            if p not in v.knows:
                return
            old.update(x for x in v.knows[p] if x != v.lineage[p])
        if old.issuperset(v.heads):
            old.clear()  # nobody who means well says so
        v.reps = [p for p in v.reps if v.lineage[p] not in old]
        v.heads = [x for x in v.heads if x not in old]
        self._begin(v)

    def _begin(self, v: View) -> None:
        """Make the state that of the view, or fetch it."""
        if len(v.heads) > 1:
            v.phase = MERGING
            if self.me in v.reps:
                self._supply(v, [self.config.group], [p for p in v.people if p != self.me])
            return
        v.phase = RUNNING
        if not v.heads or self.lineage == v.heads[0]:
            self._settle(v)
        if v.heads and v.reps[0] == self.me:
            lack = [p for p in v.people if v.lineage[p] != self.lineage]
            if lack:
                self._supply(v, lack, lack)

    def _supply(self, v: View, to: List[str], receivers: List[str]) -> None:
        state = self.state.snapshot()
        b = [put_string(self.lineage), self.applied.to_bytes(8, "big"), len(self.past).to_bytes(4, "big")]
        b += [put_string(x) for x in self.past]
        b += [self.mem.encoded(), put_bytes(state)]
        v.sending = Outgoing(to, receivers, b"".join(b), self.config.part)
        self._more(v, v.sending)

    def _more(self, v: View, o: Outgoing) -> None:
        for data in o.more(v.id):
            self.emit(Send(o.to, data))

    def _state(self, v: View, sender: str, n: int, of: int, data: bytes) -> None:
        if v.current or v.phase not in (RUNNING, MERGING) or sender not in v.reps:
            return
        ok, done = v.incoming.setdefault(sender, Incoming()).take(n, of, data)
        if not ok:
            return
        self.mark += 1
        if sender != self.me:
            self.send(sender, "got", b"", v.id, n)
        if done:
            self._fetched(v)

    def _fetched(self, v: View) -> None:
        """Look whether all states are here, and take them over."""
        parcels: List[Parcel] = []
        for head, p in zip(v.heads, v.reps):
            inc = v.incoming.get(p)
            if inc is None or inc.of == 0 or inc.next < inc.of:
                return
            parcel = read_parcel(bytes(inc.blob))
            if parcel is None or parcel.lineage != head:
                self.fail(f"the state that replica {p} has sent makes no sense")
                return
            parcels.append(parcel)
        v.incoming.clear()
        if len(parcels) == 1:
            self.state.restore(parcels[0].state)
            self.lineage = parcels[0].lineage
        else:
            self.state.merge([p.state for p in parcels])
            self.lineage = digest(b"merge", *[x.encode("utf-8", "surrogateescape") for x in v.heads])
        self.mem, self.past, self.applied = Memory(), {}, 0
        for parcel in parcels:
            self.applied = max(self.applied, parcel.applied)
            for id, memo in parcel.mem.ids.items():
                self.mem.put(id, memo)
            for x in parcel.past:
                self._add_past(x)
        if len(parcels) > 1:
            for parcel in parcels:
                self._add_past(parcel.lineage)
        self._settle(v)

    def _settle(self, v: View) -> None:
        """Go on with the state of the view."""
        v.phase, v.current = RUNNING, True
        self.mark += 1
        for e in v.tail:
            self._apply(e)
        v.tail = []
        for w in list(self.wishes.values()):
            known = self.mem.ids.get(w.entry.id)
            if known is not None:
                self.resolve_known(w.entry.id, known)
            else:
                self._send_wish(v, w)

    def _updated(self, v: View, sender: str, m: Message) -> None:
        w = m.take("ss")
        if v.phase != RUNNING or w is None or not valid_id(str(w[1])) or len(m.data) > MAX_UPDATE:
            return
        e = Entry(str(w[1]), name_of(sender), 0, m.data)
        if v.current:
            self._apply(e)
            return
        v.tail.append(e)
        v.held += len(e.data) + 100
        if v.held > self.config.held_bytes:
            self._rejoin(v)

    def _apply(self, e: Entry) -> None:
        known = self.mem.ids.get(e.id)
        if known is None:
            result = self.state.apply(Update(0, e.id, e.origin, e.data))
            self.applied += 1
            self._add_past(self.lineage)
            words = [s.encode("utf-8", "surrogateescape") for s in (self.lineage, e.id, e.origin)]
            self.lineage = digest(*words, e.data)
            self.mem.add(e.id, result)
            known = Memo(result, True)
        self.resolve_known(e.id, known)

    def want(self, w: Wish) -> None:
        self.add(w)
        if self.view is not None and self.view.current:
            self._send_wish(self.view, w)

    def _send_wish(self, v: View, w: Wish) -> None:
        if w.sync:
            self.tell("sync", v.id, w.sync)
            return
        w.sent = True
        self.send(self.config.group, "update", w.entry.data, v.id, w.entry.id)

    def _synced(self, n: int) -> None:
        if self.remove(f"sync {n}") is not None:
            self.emit(Resolve(f"sync {n}", APPLIED))

    def status(self) -> Status:
        """How things are."""
        v = self.view
        reason = "the group was not joined yet" if self.me else "there is no connection"
        members: List[str] = []
        if v is not None:
            reason = "the replicas of a new view are comparing their states"
            members = [name_of(p) for p in v.people]
        ready = v is not None and v.phase == RUNNING
        current = v is not None and v.current
        return Status(ready, current, "" if ready else reason, 0, self.applied, self.applied, len(self.wishes), members)
