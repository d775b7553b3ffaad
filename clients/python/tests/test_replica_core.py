"""The cores answer like those of the Go package, call by call."""

import base64
import hashlib
import json
import pathlib
import unittest

from gospread.replica._core import Compact, Config, Fail, Persist, Rejoin, Resolve, Send
from gospread.replica._everywhere import Everywhere
from gospread.replica._majority import BadRecords, Majority
from gospread.replica._wire import Memory, Reader, encode, parse, record

VECTORS = pathlib.Path(__file__).parents[3] / "testdata" / "replica" / "histories.jsonl"


class ListState:
    """A state that is the list of all that was applied."""

    def __init__(self):
        self.list = []

    def apply(self, u):
        self.list.append(f"{u.index} {u.id}")
        return b"result of " + u.id.encode()

    def snapshot(self):
        return "\n".join(self.list).encode()

    def restore(self, b):
        self.list = b.decode().split("\n") if b else []


class SetState:
    """A state that is a set."""

    def __init__(self):
        self.have = set()

    def apply(self, u):
        self.have.add(u.id)
        return b"result of " + u.id.encode()

    def snapshot(self):
        return " ".join(sorted(self.have)).encode()

    def restore(self, b):
        self.have = set(b.decode().split())

    def merge(self, parts):
        self.have = set()
        for p in parts:
            self.have.update(p.decode().split())


def new_core(policy, c, disk):
    config = Config(
        c["Name"],
        c["Group"],
        tuple(c["Replicas"] or ()),
        c["Durable"],
        c["Pending"],
        c["PendingBytes"],
        c["LogEntries"],
        c["LogBytes"],
        c["HeldBytes"],
        c["CompactBytes"],
        c["Part"],
    )
    if policy == "everywhere":
        return Everywhere(config, SetState())
    core = Majority(config, ListState())
    core.load(disk)
    return core


def call(core, c, data):
    op = c["op"]
    if op == "connected":
        return core.connected(c["name"])
    if op == "lost":
        core.lost()
    elif op == "view":
        return core.on_view(c["name"], c["members"])
    elif op == "message":
        return core.message(c["name"], data)
    elif op == "submit":
        return core.submit(c["name"], data)
    elif op == "sync":
        return core.sync()[1]
    elif op in ("signal", "flush", "skip"):
        return getattr(core, op)()
    return []


def listed(effects):
    def hashed(b):
        return hashlib.sha256(b).hexdigest()[:16]

    out = []
    for e in effects:
        if isinstance(e, Send):
            out.append(["send", e.data.partition(b"\n")[0].decode(), hashed(e.data), *e.to])
        elif isinstance(e, Persist):
            out.append(["persist", hashed(e.records)])
        elif isinstance(e, Compact):
            out.append(["compact", hashed(e.records)])
        elif isinstance(e, Resolve):
            out.append(["resolve", e.id, str(e.outcome), e.result.decode(), str(int(e.kept)), e.reason])
        elif isinstance(e, Rejoin):
            out.append(["rejoin"])
        elif isinstance(e, Fail):
            out.append(["fail", e.reason])
    return out


def described(core):
    s = core.status()
    return (
        f"ready={s.ready:d} current={s.current:d} epoch={s.epoch} applied={s.applied} length={s.length} "
        f"pending={s.pending} members={','.join(s.members)} reason={s.reason}"
    )


class Histories(unittest.TestCase):
    @unittest.skipUnless(VECTORS.exists(), "the recorded histories are in the repository only")
    def test_histories(self):
        cores = {}
        with VECTORS.open() as lines:
            for n, line in enumerate(lines, 1):
                c = json.loads(line)
                if c["op"] == "new":
                    disk = base64.b64decode(c.get("disk", ""))
                    cores[c["core"]] = new_core(c["policy"], c["config"], disk)
                core = cores[c["core"]]
                effects = call(core, c, base64.b64decode(c.get("data", "")))
                self.assertEqual(listed(effects), c["effects"], f"line {n}, {c['op']}")
                self.assertEqual(described(core), c["status"], f"line {n}, {c['op']}")
        self.assertGreater(n, 1000)


class Details(unittest.TestCase):
    def test_messages(self):
        m = parse(encode("hello", b"d\n", "v", True, 7, ""))
        self.assertEqual(m, ("hello", ["v", "1", "7", ""], b"d\n"))
        self.assertEqual(m.take("sbns"), ["v", True, 7, ""])
        self.assertIsNone(m.take("sbn"))
        self.assertIsNone(m.take("nbns"))
        for bad in (b"", b"rp1\n", b"rp1 hello", b"rp2 hello\n", b"rp1  hello\n", b"x" * 20000 + b"\n"):
            self.assertIsNone(parse(bad), bad)
        for bad in ("01", "-1", "1" * 19, "", "1_0", "\u0661"):
            self.assertIsNone(parse(f"rp1 x {bad or '-'}\n".encode()).take("n"), bad)

    def test_memory_is_bounded(self):
        m = Memory()
        for i in range(10_001):
            m.add(str(i), b"r" * (i % 3000))
        self.assertEqual(len(m.ids), 10_000)
        self.assertNotIn("0", m.ids)
        self.assertFalse(m.ids["2999"].kept)
        back = Memory()
        back.read(Reader(m.encoded()))
        self.assertEqual(back.ids, m.ids)

    def test_bad_records(self):
        for bad in (b"P", record(b"P", b""), record(b"X", b""), record(b"T", 5), record(b"C", 1), record(b"S", b"x")):
            core = Majority(Config("a", "g", ("a",), True, 1, 1, 1, 1, 1, 1, 1), ListState())
            with self.assertRaises(BadRecords, msg=bad):
                core.load(bad)


if __name__ == "__main__":
    unittest.main()
