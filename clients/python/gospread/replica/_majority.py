"""The core of a state that goes on where a majority of the replicas is."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ._core import APPLIED, REFUSED, UNKNOWN, Base, Compact, Config, Effect, Persist, Rejoin, Resolve, Send, State, Status, Update, Wish
from ._wire import MAX_UPDATE, REMEMBERED, Entry, Incoming, Memory, Message, Outgoing, Reader, digest, encode, name_of, parse, put_bytes, record, valid_id

HELLOS, PROMISES, ACTIVE, MINORITY, ENDED = range(5)


class BadRecords(ValueError):
    """What was persisted makes no sense."""


class Log:
    """What lies behind start, in its order, of which all up to commit are applied."""

    def __init__(self, start: int = 0) -> None:
        self.start = self.commit = start
        self.list: List[Entry] = []
        self.bytes = 0

    @property
    def length(self) -> int:
        return self.start + len(self.list)

    def at(self, index: int) -> Entry:
        return self.list[index - self.start - 1]

    def behind(self, index: int) -> List[Entry]:
        return self.list[index - self.start :]

    def add(self, e: Entry) -> None:
        self.list.append(e)
        self.bytes += len(e.data)

    def cut(self, index: int) -> None:
        self.bytes -= sum(len(e.data) for e in self.behind(index))
        del self.list[index - self.start :]

    def trim(self, entries: int, size: int) -> None:
        """Forget applied entries beyond so many, and beyond so many bytes."""
        n = 0
        while n < len(self.list) and self.start + n < self.commit and (len(self.list) - n > entries or self.bytes > size):
            self.bytes -= len(self.list[n].data)
            n += 1
        self.start += n
        del self.list[:n]


class Hello(NamedTuple):
    """What a replica of the view has."""

    private: str
    name: str
    stateful: bool
    promised: int
    epoch: int
    length: int
    commit: int
    start: int

    @property
    def knows(self) -> Tuple[bool, int, int, int]:
        """By which processes of one name are compared."""
        return self.stateful, self.epoch, self.length, self.promised


class View:
    """A view of the group at one replica."""

    def __init__(self, id: str, people: List[str]) -> None:
        self.id = id
        self.people = people
        self.phase = HELLOS
        self.reason = "the replicas of a new view have not all said what they have"
        self.hello: Dict[str, Hello] = {}
        self.skipped: Set[str] = set()
        self.foreign: List[str] = []  # names of those with another set of replicas, who are none of ours
        # From the end of hellos on.
        self.epoch = 0
        self.base: Optional[Hello] = None
        self.promised: Set[str] = set()
        # From the end of promises on.
        self.adopted = False
        self.incoming = Incoming()
        self.sending: List[Outgoing] = []
        self.tail: List[Entry] = []
        self.held = 0
        self.owed: Dict[str, int] = {}

    @property
    def base_length(self) -> int:
        return self.base.length if self.base else 0

    def has(self, h: Hello) -> int:
        """How much of the base's log a replica has."""
        if not h.stateful or self.base is None:
            return 0
        return h.length if h.epoch == self.base.epoch else h.commit  # what is behind may differ


class Majority(Base):
    """A replica. Its methods return what is to be done."""

    def __init__(self, config: Config, state: State) -> None:
        super().__init__(config)
        self.state = state
        self.stateful = False
        self.promised = 0
        self.epoch = 0
        self.log = Log()
        self.view: Optional[View] = None
        self.acks: Dict[str, int] = {}
        self.ack_of = 0
        self.ack_by: List[str] = []  # private groups of the replicas of that epoch
        self.set = digest(*[n.encode() for n in sorted(config.replicas)])[:16]  # names the set of replicas
        self.acked = 0
        self.unsaved = bytearray()
        self.written = 0
        self.last_whole = 0

    @property
    def needed(self) -> int:
        return len(self.config.replicas) // 2 + 1

    # What is persisted

    def load(self, records: bytes) -> None:
        """Take back what was persisted."""
        r = Reader(records)
        while r.more:
            kind = r.next(1)
            payload = Reader(r.bytes())
            if not r.broken:
                self._load_record(kind, payload)
        if r.broken:
            raise BadRecords("a record is cut off")
        self.written = len(records)

    def _load_record(self, kind: bytes, r: Reader) -> None:
        if kind == b"P":
            self.promised = r.number(8)
        elif kind == b"A":
            self.epoch, self.stateful = r.number(8), True
        elif kind == b"S":
            self._restore(r)
        elif kind == b"T":
            n = r.number(8)
            if self.log.start <= n <= self.log.length:
                self.log.cut(n)
            else:
                r.broken = True
        elif kind == b"E":
            self.log.add(r.entry())
        elif kind == b"C":
            n = r.number(8)
            if n > self.log.length:
                r.broken = True
            else:
                self._apply(n)
        else:
            raise BadRecords(f"a record of kind {kind!r}, which this version does not know")
        if r.broken:
            raise BadRecords(f"a record of kind {kind!r} makes no sense")

    def _restore(self, r: Reader) -> None:
        """Take a snapshot: index, memory, state."""
        index = r.number(8)
        mem = Memory()
        mem.read(r)
        state = r.bytes()
        if r.broken:
            raise BadRecords("a snapshot is cut off")
        self.state.restore(state)
        self.mem, self.log = mem, Log(index)

    def _snapshot(self) -> bytes:
        state = self.state.snapshot()
        return self.log.commit.to_bytes(8, "big") + self.mem.encoded() + put_bytes(state)

    def _save(self, kind: bytes, payload: Any) -> None:
        if self.config.durable:
            self.unsaved += record(kind, payload)

    def _persist(self) -> None:
        """Hand out what was saved."""
        if not self.unsaved:
            return
        if self.written + len(self.unsaved) > self.config.compact_bytes + 2 * self.last_whole:
            self._compact()
            return
        if self.stateful:
            self._save(b"C", self.log.commit)
        self.written += len(self.unsaved)
        self.emit(Persist(bytes(self.unsaved)))
        self.unsaved.clear()

    def _compact(self) -> None:
        out = [record(b"P", self.promised)]
        if self.stateful:
            out.append(record(b"S", self._snapshot()))
            out += [record(b"E", e.encoded()) for e in self.log.behind(self.log.commit)]
            out.append(record(b"A", self.epoch))
        b = b"".join(out)
        self.unsaved.clear()
        self.written, self.last_whole = 0, len(b)
        self.emit(Compact(b))

    def flush(self) -> List[Effect]:
        """Persist and acknowledge what has come. To be called when there is nothing more to handle."""
        self._flush()
        return self.taken()

    def _flush(self) -> None:
        self._persist()
        if self.failed or not self.me or not self.stateful or self.ack_of != self.epoch or self.acked == self.log.length + 1:
            return
        self.acked = self.log.length + 1
        self.tell("ack", self.epoch, self.log.length)
        if self.view is not None and self.view.phase == ACTIVE:
            self.log.trim(self.config.log_entries, self.config.log_bytes)

    # Connections, and messages in the order of the group

    def connected(self, me: str) -> List[Effect]:
        """A new connection, under a name. Views and messages that come from now on are its own."""
        self.me, self.view, self.acked = me, None, 0
        return self.taken()

    def lost(self) -> None:
        """There is no connection."""
        self.me, self.view = "", None

    def message(self, sender: str, data: bytes) -> List[Effect]:
        """A message that came in the order of the group."""
        m = parse(data)
        if m is None or not self.me or self.failed:
            return []
        if m.verb == "update":
            self._updated(sender, m)
        elif m.verb == "ack":
            self._acknowledged(sender, m)
        elif m.verb == "sync":
            self._asked_sync(sender, m)
        elif m.verb == "synced":
            self._synced(sender, m)
        elif m.verb in ("hello", "promise", "skip", "state", "got") and self.view is not None:
            self._exchanged(self.view, sender, m)
        return self.taken()

    def _updated(self, sender: str, m: Message) -> None:
        v, w = self.view, m.take("nsn")
        if v is None or v.phase != ACTIVE or w is None:
            return
        epoch, id, since = w
        if epoch != v.epoch or not valid_id(str(id)) or len(m.data) > MAX_UPDATE or sender not in v.people:
            return
        e = Entry(str(id), name_of(sender), int(since), m.data)
        if v.adopted:
            self._append(e)
            return
        v.tail.append(e)
        v.held += len(e.data) + 100
        if v.held > self.config.held_bytes:
            v.phase = ENDED
            self.emit(Rejoin())

    def _append(self, e: Entry) -> None:
        self.log.add(e)
        if self.config.durable:
            self._save(b"E", e.encoded())

    def _acknowledged(self, sender: str, m: Message) -> None:
        w, name = m.take("nn"), name_of(sender)
        if w is None or w[0] != self.ack_of or sender not in self.ack_by:
            return
        self.acks[name] = max(self.acks.get(name, 0), int(w[1]))
        self._advance()

    def _advance(self) -> None:
        """Apply what a majority has in its logs."""
        if not self.stateful or self.ack_of != self.epoch:
            return
        have = sorted(self.acks.values())
        if len(have) < self.needed:
            return
        self._apply(min(have[-self.needed], self.log.length))
        self._answer_syncs()

    def _apply(self, upto: int) -> None:
        while self.log.commit < upto:
            self.log.commit += 1
            e = self.log.at(self.log.commit)
            known = self.mem.ids.get(e.id)
            if known is not None:
                self.resolve_known(e.id, known)
            elif self.log.commit - e.since > REMEMBERED:
                if self.remove(e.id) is not None:
                    reason = "it was under way for too long to tell whether it was applied before"
                    self.emit(Resolve(e.id, UNKNOWN, reason=reason))
            else:
                result = self.state.apply(Update(self.log.commit, e.id, e.origin, e.data))
                self.mem.add(e.id, result)
                if self.remove(e.id) is not None:
                    self.emit(Resolve(e.id, APPLIED, result, True))

    # What is submitted here

    def want(self, w: Wish) -> None:
        v = self.view
        if v is not None and v.phase == MINORITY:
            self.refuse(w.entry.id, v.reason)
            return
        self.add(w)
        if v is not None and v.phase == ACTIVE and v.adopted:
            self._send_wish(v, w)

    def _send_all(self, v: View) -> None:
        """Send in a new epoch what is not in its log."""
        if not self.wishes:
            return
        logged = {e.id for e in self.log.behind(self.log.commit)}
        for w in list(self.wishes.values()):
            known = self.mem.ids.get(w.entry.id)
            if known is not None:
                self.resolve_known(w.entry.id, known)
            elif w.entry.id not in logged:
                self._send_wish(v, w)

    def _send_wish(self, v: View, w: Wish) -> None:
        if w.sync:
            w.heard, w.placed = [], False
            self.tell("sync", v.epoch, w.sync)
            return
        # The log may be shorter than it was when it was sent first: what was at its end was not adopted.
        w.entry = w.entry._replace(since=min(w.entry.since, self.log.length) if w.sent else self.log.length)
        w.sent = True
        self.send(self.config.group, "update", w.entry.data, v.epoch, w.entry.id, w.entry.since)

    def _asked_sync(self, sender: str, m: Message) -> None:
        v, w = self.view, m.take("nn")
        if v is None or v.phase != ACTIVE or w is None or w[0] != v.epoch or sender not in v.people:
            return
        n = int(w[1])
        if sender == self.me:
            wish = self.wishes.get(f"sync {n}")
            if wish is not None:
                wish.placed, wish.upto = True, self._length()
        v.owed[sender] = n
        self._pay_owed(v)

    def _pay_owed(self, v: View) -> None:
        """Answer syncs once this replica has the log of the epoch."""
        if not v.adopted:
            return
        for p in v.people:
            if p in v.owed:
                self.send(p, "synced", b"", v.epoch, v.owed[p])
        v.owed.clear()

    def _synced(self, sender: str, m: Message) -> None:
        v, w = self.view, m.take("nn")
        if v is None or v.phase != ACTIVE or w is None or w[0] != v.epoch or sender not in v.people:
            return
        name = name_of(sender)
        for wish in self.wishes.values():
            if 0 < wish.sync <= int(w[1]) and name not in wish.heard:
                wish.heard.append(name)
        self._answer_syncs()

    def _answer_syncs(self) -> None:
        v = self.view
        if v is None or v.phase != ACTIVE or not v.adopted:
            return
        for w in list(self.wishes.values()):
            if w.sync and w.placed and len(w.heard) >= self.needed and self.log.commit >= w.upto:
                self.remove(w.entry.id)
                self.emit(Resolve(w.entry.id, APPLIED))

    def _length(self) -> int:
        """That of the log of the present part, as far as it has come here."""
        v = self.view
        if v is not None and v.phase == ACTIVE and not v.adopted:
            return v.base_length + len(v.tail)
        return self.log.length

    def status(self) -> Status:
        """How things are."""
        v = self.view
        reason = "the group was not joined yet" if self.me else "there is no connection"
        members: List[str] = []
        ready = False
        if v is not None:
            reason, ready = v.reason, v.phase == ACTIVE
            members = [name_of(p) for p in v.people]
        current = ready and v is not None and v.adopted
        return Status(
            ready, current, "" if ready else reason, self.epoch, self.log.commit, self.log.length, len(self.wishes), members
        )

    # The exchange of a view

    def on_view(self, view: str, members: Sequence[str]) -> List[Effect]:
        """A view of the group: a name that no other view has, and the members."""
        if not self.me or self.failed or self.me not in members:
            return []
        self._flush()
        self.view = View(view, [m for m in members if name_of(m) in self.config.replicas])
        self.mark += 1
        self.tell(
            "hello", view, self.stateful, self.promised, self.epoch, self.log.length, self.log.commit, self.log.start, self.set,
        )
        return self.taken()

    def signal(self) -> List[Effect]:
        """Members were lost: others may not get what comes from now on, up to the next view."""
        if self.view is not None:
            self.view.phase, self.view.reason = ENDED, "the view is changing"
            self.mark += 1
        return self.taken()

    def _exchanged(self, v: View, sender: str, m: Message) -> None:
        if not m.words or m.words[0] != v.id or sender not in v.people:
            return
        if m.verb == "hello" and v.phase == HELLOS:
            self._helloed(v, sender, m)
        elif m.verb == "skip" and v.phase == HELLOS:
            self._skip(v, m)
        elif m.verb == "promise" and v.phase == PROMISES:
            v.promised.add(name_of(sender))
            if len(v.promised) >= self.needed:
                self._activate(v)
        elif m.verb == "state" and v.phase == ACTIVE:
            if not v.adopted and v.base is not None and sender == v.base.private:
                self._state(v, m)
        elif m.verb == "got" and v.phase == ACTIVE:
            self._got(v, sender, m)

    def _helloed(self, v: View, sender: str, m: Message) -> None:
        w: Any = m.take("sbnnnnns")
        if w is None:
            return
        h = Hello(sender, name_of(sender), *w[1:-1])
        if h.start > h.commit or h.commit > h.length or sender in v.hello or sender in v.skipped:
            return
        if w[-1] == self.set:
            v.hello[sender] = h
        else:
            v.people.remove(sender)
            v.foreign.append(h.name)
        self.mark += 1
        self._decide(v)

    def waiting(self) -> Optional[int]:
        """A number that changes when one has been heard of those who must be waited for; None: nobody must be."""
        v = self.view
        if v is not None and (v.phase == HELLOS or v.phase == ACTIVE and not v.adopted):
            return self.mark
        return None

    def skip(self) -> List[Effect]:
        """Give up waiting: others that say nothing are left behind, or this replica begins anew."""
        v = self.view
        if v is None:
            return []
        if v.phase == HELLOS:
            silent = [p for p in v.people if p not in v.hello and p not in v.skipped and p != self.me]
            if silent:
                self.tell("skip", v.id, *silent)
        elif v.phase == ACTIVE and not v.adopted:
            v.phase, v.reason = ENDED, "the state did not come"
            self.emit(Rejoin())
        return self.taken()

    def _skip(self, v: View, m: Message) -> None:
        for p in m.words[1:]:
            if p in v.people and p not in v.hello:
                v.skipped.add(p)
        if self.me in v.skipped:
            v.phase, v.reason = ENDED, "the others went on without this replica"
            self.emit(Rejoin())
            return
        self.mark += 1
        self._decide(v)

    def _decide(self, v: View) -> None:
        """Look whether all have said what they have, and who goes on then."""
        if any(p not in v.hello and p not in v.skipped for p in v.people):
            return
        # Of each name the one that knows most: not a second process that was started by mistake.
        best: Dict[str, Hello] = {}
        for p in v.people:
            h = v.hello.get(p)
            if h is not None and (h.name not in best or h.knows > best[h.name].knows):
                best[h.name] = h
        present = [v.hello[p] for p in v.people if v.hello.get(p) in best.values()]
        v.people = [h.private for h in present]
        if self.me not in v.people:
            v.phase = ENDED
            self.fail(f'another process takes part as "{self.config.name}"')
            return
        stateful = sum(h.stateful for h in present)
        if stateful < self.needed and len(present) < len(self.config.replicas):
            self._stay(v, present)
            return
        v.epoch = 1 + max(max(h.promised, h.epoch) for h in present)
        having = [h for h in present if h.stateful]
        v.base = min(having, key=lambda h: (-h.epoch, -h.length, h.name)) if having else None
        v.phase, v.reason = PROMISES, "a majority has not yet promised to go on together"
        self.promised = v.epoch
        self._save(b"P", v.epoch)
        self._persist()
        self.tell("promise", v.id)

    def _stay(self, v: View, present: List[Hello]) -> None:
        """Make the view one without a majority."""
        having = ", ".join(h.name for h in present if h.stateful) or "none"
        lacking = ", ".join(h.name for h in present if not h.stateful)
        v.phase = MINORITY
        self.mark += 1
        v.reason = f"no majority: of {len(self.config.replicas)} replicas {self.needed} are needed, and here are only {having}"
        if lacking:
            v.reason += f", not counting those without a state ({lacking})"
        if v.foreign:
            v.reason += f"; {', '.join(v.foreign)} have another list of replicas"
        for w in list(self.wishes.values()):
            if not w.sent or w.sync:
                self.remove(w.entry.id)
                self.emit(Resolve(w.entry.id, REFUSED, reason=v.reason))

    def _activate(self, v: View) -> None:
        """Begin the epoch, at the same place in the order of all."""
        v.phase, v.reason = ACTIVE, ""
        self.mark += 1
        self.ack_of, self.ack_by, self.acked = v.epoch, list(v.people), 0
        self.acks.clear()
        if v.has(v.hello[self.me]) == v.base_length:
            self._adopt(v, b"")
        if v.base is not None and v.base.private == self.me and not self.failed:
            self._supply(v)

    def _supply(self, v: View) -> None:
        """Send the others what they lack."""
        suffix: List[str] = []
        whole: List[str] = []
        least = v.base_length
        for p in v.people:
            has = v.has(v.hello[p])
            if has == v.base_length:
                continue
            if has < self.log.start:
                whole.append(p)
            else:
                suffix.append(p)
                least = min(least, has)
        if suffix:
            entries = b"".join(e.encoded() for e in self.log.behind(least))
            self._supply_to(v, suffix, record(b"T", least) + entries)
        if whole:
            entries = b"".join(e.encoded() for e in self.log.behind(self.log.commit))
            self._supply_to(v, whole, record(b"S", self._snapshot()) + entries)

    def _supply_to(self, v: View, to: List[str], blob: bytes) -> None:
        v.sending.append(Outgoing(to, to, blob, self.config.part))
        self._more(v, v.sending[-1])

    def _more(self, v: View, o: Outgoing) -> None:
        for data in o.more(v.id):
            self.emit(Send(o.to, data))

    def _got(self, v: View, sender: str, m: Message) -> None:
        w = m.take("sn")
        if w is None:
            return
        for o in v.sending:
            if sender in o.receivers:
                o.got[sender] = max(o.got.get(sender, 0), int(w[1]))
                self._more(v, o)

    def _state(self, v: View, m: Message) -> None:
        w = m.take("snn")
        if w is None or v.base is None:
            return
        n = int(w[1])
        ok, done = v.incoming.take(n, int(w[2]), m.data)
        if not ok:
            return
        self.mark += 1
        self.send(v.base.private, "got", b"", v.id, n)
        if done:
            blob, v.incoming.blob = bytes(v.incoming.blob), bytearray()
            self._adopt(v, blob)

    def _adopt(self, v: View, blob: bytes) -> None:
        """Make the log that of the epoch, with what was sent for it."""
        try:
            self._replace(v, blob)
        except BadRecords as bad:
            self.fail(f"take over the state of replica {v.base.name if v.base else ''}: {bad}")
            return
        self.stateful, self.epoch, v.adopted = True, v.epoch, True
        self.mark += 1
        self._save(b"A", self.epoch)
        for e in v.tail:
            self._append(e)
        v.tail = []
        upto = max((h.commit for h in (v.hello[p] for p in v.people) if h.stateful), default=0)
        self._apply(min(upto, v.base_length))
        self._advance()
        self._pay_owed(v)
        self._send_all(v)

    def _replace(self, v: View, blob: bytes) -> None:
        """Make the log that of the base."""
        if self.log.commit > v.base_length:
            raise BadRecords(
                f"{self.log.commit} updates are applied here, and the others know of {v.base_length} only: some of them"
                " have lost what they had acknowledged, or have an old store"
            )
        # More may be applied than HELLO has told, by acknowledgements that came late. That much is the same
        # at all, and must not be cut: a snapshot in the store may stand there.
        has = start = max(v.has(v.hello[self.me]), self.log.commit)
        r = Reader(blob)
        whole = False
        if blob:
            kind, payload = r.next(1), r.bytes()
            if kind == b"T":
                start = Reader(payload).number(8)
            elif kind == b"S":
                whole = True
                self._restore(Reader(payload))
                self._save(b"S", payload)
                start = has = self.log.start
            else:
                raise BadRecords(f"it is of kind {kind!r}, which this version does not know")
        more = r.entries()
        if r.broken or start > has or start + len(more) != v.base_length:
            raise BadRecords("it does not fit what was announced")
        if not whole:
            self.log.cut(has)
            self._save(b"T", has)
        for e in more[has - start :]:
            self._append(e)
