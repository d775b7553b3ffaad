"""Replicas with real daemons, and their stores."""

import json
import logging
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

from gospread.replica import Policy, Refused, Replica, ReplicaError, ResultGone, Unknown
from gospread.replica._store import Store, frame

from .daemon import ADDRESS, OwnDaemon, needs_daemon, needs_program

ROOT = pathlib.Path(__file__).parents[1]
THREE = ["r1", "r2", "r3"]
LONG = 60
PROGRAM = """
import sys, threading
from gospread.replica import Replica, ReplicaError
from tests.test_replica import Lines

address, state, name, life, store = sys.argv[1:]
lines = Lines()
with Replica(address, state, name, lines, replicas=["r1", "r2", "r3"], store=store, compact_bytes=20000) as r:
    stop = threading.Event()
    def work():
        n = 0
        while not stop.is_set():
            line = f"{name}.{life}.{n}"
            try:
                r.update(line.encode(), 60)
                print("acked", line, flush=True)
            except ReplicaError:
                pass
            n += 1
    worker = threading.Thread(target=work)
    worker.start()
    sys.stdin.readline()
    stop.set()
    worker.join()
    print("stopped", flush=True)
    sys.stdin.readline()
    r.sync(60)
    for line in lines.lines:
        print("line", line)
    print("end", flush=True)
    sys.stdin.readline()
"""


def setUpModule():
    logging.getLogger("gospread.replica").setLevel(logging.CRITICAL)


class Lines:
    """A state that is the list of all updates."""

    def __init__(self):
        self.lines = []

    def apply(self, u):
        if u.data == b"raise":
            raise RuntimeError("broken on purpose")
        self.lines.append(u.data.decode())
        return b"%d %s" % (len(self.lines), u.data) if u.data != b"large" else b"x" * 2000

    def snapshot(self):
        return json.dumps(self.lines).encode()

    def restore(self, b):
        self.lines = json.loads(b) if b else []

    def merge(self, parts):
        self.lines = []
        for p in parts:
            self.lines += [x for x in json.loads(p) if x not in self.lines]


class Process:
    """A replica in a process of its own, which updates without end."""

    life = 0

    def __init__(self, case, address, state, name, store):
        Process.life += 1
        args = [sys.executable, "-c", PROGRAM, address, state, name, str(Process.life), store]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT)
        case.addCleanup(self.kill)
        self.acked, self.lines, self.said = [], [], []
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            what, _, rest = line.strip().partition(" ")
            with self.news:
                {"acked": self.acked, "line": self.lines}.get(what, self.said).append(rest or what)
                self.news.notify_all()

    def wait(self, wanted):
        with self.news:
            if not self.news.wait_for(wanted, LONG):
                raise AssertionError(f"{len(self.acked)} acknowledged, said {self.said}")

    def more(self, n):
        n += len(self.acked)
        self.wait(lambda: len(self.acked) >= n)

    def ask(self, answer):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.wait(lambda: answer in self.said)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()


class Case(unittest.TestCase):
    address = ADDRESS

    def setUp(self):
        self.state = f"{os.getpid()}.{self._testMethodName[-12:]}"
        # Private names are unique at a daemon, so each test has names of its own.
        self.names = [f"{n}{os.urandom(3).hex()}" for n in ("a", "b", "c")]

    def replica(self, i, **options):
        lines = Lines()
        options.setdefault("replicas", self.names)
        r = Replica(self.address, self.state, self.names[i], lines, patience=20, **options).start()
        r.lines = lines
        self.addCleanup(r.stop)
        return r

    def together(self, replicas, n=None):
        for r in replicas:
            r.wait_for(lambda s: s.current and len(s.members) == (n or len(replicas)), LONG)

    def same(self, replicas):
        for r in replicas:
            r.sync(LONG)
        with replicas[0].reading():
            first = list(replicas[0].lines.lines)
        for r in replicas[1:]:
            self.assertEqual(r.lines.lines, first)
        return first


@needs_daemon
class Live(Case):
    def test_three(self):
        all = [self.replica(i) for i in range(3)]
        self.together(all)
        futures = [all[n % 3].submit(b"%d" % n) for n in range(90)]
        for f in futures:
            f.result(LONG)
        lines = self.same(all)
        self.assertEqual(sorted(lines, key=int), [str(n) for n in range(90)])
        for i in range(3):
            own = [x for x in lines if int(x) % 3 == i]
            self.assertEqual(own, sorted(own, key=int))
        self.assertEqual(all[0].status.applied, 90)

    def test_ids(self):
        all = [self.replica(i) for i in range(3)]
        self.together(all)
        for r in all:
            self.assertEqual(r.update(b"one", LONG, id="the-one"), b"1 one")
        self.assertEqual(len(all[0].update(b"large", LONG, id="large")), 2000)
        all[1].sync(LONG)  # so that it has applied it
        with self.assertRaises(ResultGone):
            all[1].update(b"large", LONG, id="large")
        self.assertEqual(self.same(all), ["one", "large"])

    def test_no_majority(self):
        r = self.replica(0)
        r.wait_for(lambda s: "no majority: of 3 replicas 2 are needed, and here are only none" in s.reason, LONG)
        with self.assertRaisesRegex(Refused, "no majority"):
            r.update(b"x", LONG)
        with self.assertRaises(Refused):
            r.sync(LONG)
        self.assertFalse(r.status.ready)

    def test_joiner(self):
        all = [self.replica(0, log_entries=0), self.replica(1, log_entries=0), self.replica(2)]
        self.together(all)
        big = b"x" * 100_000
        for _ in range(10):
            all[0].update(big, LONG)
        all[2].stop()
        self.together(all[:2])
        stop = threading.Event()

        def work():
            while not stop.is_set():
                all[0].update(b"more", LONG)

        worker = threading.Thread(target=work)
        worker.start()
        try:
            all[2] = self.replica(2)
            self.together(all)
            all[2].update(b"of the joiner", LONG)
        finally:
            stop.set()
            worker.join()
        self.assertIn("of the joiner", self.same(all))

    def test_store(self):
        with tempfile.TemporaryDirectory() as d:
            stores = [f"{d}/{i}" for i in range(3)]
            all = [self.replica(i, store=stores[i], compact_bytes=300) for i in range(3)]
            self.together(all)
            for n in range(20):
                all[n % 3].update(b"line %d" % n, LONG)
            want = self.same(all)
            for r in all:
                r.stop()
            all = [self.replica(i, store=stores[i]) for i in range(2)]
            self.together(all)
            self.assertEqual(self.same(all), want)
            for r in all:
                r.stop()

    def test_everywhere(self):
        a = self.replica(0, policy=Policy.EVERYWHERE)
        a.wait_ready(LONG)
        a.update(b"one", LONG)
        b = self.replica(1, policy=Policy.EVERYWHERE)
        self.together([a, b])
        b.update(b"two", LONG)
        self.assertEqual(self.same([a, b]), ["one", "two"])

    def test_a_state_that_raises(self):
        a = Replica(self.address, self.state, self.names[0], Lines(), replicas=self.names[:1])
        a.start()
        f = a.submit(b"raise")
        with self.assertRaises(ReplicaError):
            f.result(LONG)
        with self.assertRaisesRegex(RuntimeError, "broken on purpose"):
            a.stop()

    def test_what_was_applied_before_a_state_raises(self):
        d = tempfile.TemporaryDirectory()
        self.addCleanup(d.cleanup)
        store = os.path.join(d.name, "store")
        a = Replica(self.address, self.state, self.names[0], Lines(), replicas=self.names[:1], store=store, compact_bytes=0)
        one, bad = a.submit(b"one"), a.submit(b"raise")  # both in one batch
        with self.assertRaisesRegex(RuntimeError, "broken on purpose"):
            a.run()
        self.assertEqual(one.result(LONG), b"1 one")
        self.assertRaises(Unknown, bad.result, LONG)
        with self.assertRaisesRegex(RuntimeError, "broken on purpose"):
            a.wait_ready()
        lines = Lines()
        again = Replica(self.address, self.state, self.names[0], lines, replicas=self.names[:1], store=store)
        self.addCleanup(again._store.close)
        self.assertLessEqual(again.status.applied, 1)  # the bad one is not thought applied
        self.assertEqual(lines.lines, ["one"][: again.status.applied])

    def test_an_end_before_it_is_ready(self):
        a = Replica("nonsense@@", self.state, self.names[0], Lines(), replicas=self.names[:1])
        a.start()
        with self.assertRaises(Exception) as raised:
            a.wait_ready()
        self.assertNotIsInstance(raised.exception, TimeoutError)
        self.assertRaises(type(raised.exception), a.stop)

    def test_timeouts(self):
        r = Replica("1@127.0.0.1", self.state, "a", Lines(), replicas=["a"])
        with r:
            with self.assertRaisesRegex(Refused, "not within 0.05 s: there is no connection"):
                r.update(b"x", 0.05)
            with self.assertRaises(Refused):
                r.sync(0.05)
            with self.assertRaises(TimeoutError):
                r.wait_ready(0.05)
            f = r.submit(b"y")
        with self.assertRaisesRegex(Refused, "the replica has ended"):
            f.result(LONG)
        with self.assertRaises(Refused):
            r.update(b"z")
        self.assertFalse(issubclass(Unknown, Refused))


@needs_program
class Killed(unittest.TestCase):
    """Replicas in processes of their own are killed, one and all, and their daemon too."""

    def test_kill(self):
        daemon = OwnDaemon()
        self.addCleanup(daemon.close)
        d = tempfile.TemporaryDirectory()
        self.addCleanup(d.cleanup)

        def launch(i):
            return Process(self, daemon.address, "killed", THREE[i], f"{d.name}/{i}")

        procs = [launch(i) for i in range(3)]
        acked = []
        for round in range(4):
            procs[round % 3].more(10)
            if round == 1:
                for p in procs:
                    p.kill()
                    acked += p.acked
                procs = [launch(i) for i in range(3)]
            elif round == 2:
                daemon.kill()
                self.assertTrue(daemon.start())
            else:
                procs[round % 3].kill()
                acked += procs[round % 3].acked
                procs[(round + 1) % 3].more(10)
                procs[round % 3] = launch(round % 3)
        for p in procs:
            p.more(10)
        for p in procs:
            p.ask("stopped")
        for p in procs:
            p.ask("end")
            acked += p.acked
        lines = procs[0].lines
        self.assertEqual(len(set(lines)), len(lines))
        self.assertEqual(set(acked) - set(lines), set())
        for p in procs[1:]:
            self.assertEqual(p.lines, lines)


class Stores(unittest.TestCase):
    def setUp(self):
        d = tempfile.TemporaryDirectory()
        self.addCleanup(d.cleanup)
        self.path = d.name + "/store"

    def open(self, replicas=THREE):
        return Store(self.path, "s", "r1", replicas)

    def fill(self, *records):
        s = self.open()
        for r in records:
            s.append(r)
        s.close()
        return pathlib.Path(self.path).read_bytes()

    def test_comes_back(self):
        self.fill(b"one", b"two")
        s = self.open()
        self.assertEqual(s.records, b"onetwo")
        with self.assertRaisesRegex(ReplicaError, "another process"):
            self.open()
        s.replace(b"three")
        s.append(b"four")
        s.close()
        s = self.open(list(reversed(THREE)))
        self.assertEqual(s.records, b"threefour")
        s.close()
        with self.assertRaisesRegex(ReplicaError, "belongs to something else"):
            self.open(["r1"])

    def test_cut_off(self):
        size = len(self.fill(b"one"))
        whole = self.fill(b"the second")
        for at in range(size, len(whole)):
            for tail in (b"", b"\0\0\0", b"\0" * (len(whole) - at)):
                pathlib.Path(self.path).write_bytes(whole[:at] + tail)
                s = self.open()
                self.assertEqual(s.records, b"one", at)
                s.append(b"more")
                s.close()
                s = self.open()
                self.assertEqual(s.records, b"onemore", at)
                s.close()

    def test_damaged(self):
        whole = self.fill(b"one", b"two")
        for at in range(len(whole) - len(frame(b"two"))):
            b = bytearray(whole)
            b[at] ^= 0x40
            pathlib.Path(self.path).write_bytes(b)
            with self.assertRaises(ReplicaError, msg=at):
                self.open().close()

    def test_arguments(self):
        for bad in (
            {"name": "a#b"},
            {"state": "a b"},
            {"replicas": ["r2"]},
            {"replicas": ["r1", "r1"]},
            {"policy": Policy.EVERYWHERE, "store": "x"},
            {"policy": Policy.EVERYWHERE, "machine": object()},
        ):
            good = {"daemon": "", "state": "s", "name": "r1", "machine": Lines(), "replicas": THREE}
            with self.assertRaises(ValueError, msg=bad):
                Replica(**{**good, **bad})
        r = Replica("", "s", "r1", Lines(), replicas=THREE)
        for bad in ({"data": b"x" * 200_000}, {"data": b"", "id": "a b"}):
            with self.assertRaises(Refused):
                r.submit(**bad).result(1)


if __name__ == "__main__":
    signal.alarm(300)
    unittest.main()
