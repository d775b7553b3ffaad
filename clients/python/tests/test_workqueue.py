"""Workers and submitters with real daemons."""

import asyncio
import logging
import os
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from unittest import mock

import gospread
from gospread import Service, View
from gospread.workqueue import (
    MAX_PAYLOAD,
    Cancelled,
    Closed,
    Counts,
    Failed,
    Limits,
    NotDone,
    NoWorkers,
    QueueFull,
    Retry,
    State,
    Submitter,
    TooLarge,
    Unknown,
    Worker,
)
from gospread.workqueue._core import Start, Stop

from .daemon import ADDRESS, OwnDaemon, needs_daemon, needs_program

ROOT = pathlib.Path(__file__).parents[1]
PROGRAM = """
import os, sys, threading
from gospread.workqueue import Worker

def handler(task):
    print("begun", task.id, task.attempt, flush=True)
    if task.payload == b"poison":
        os._exit(1)
    if task.payload == b"stuck":
        task.stopped.wait()
        task.check()
    return task.payload[::-1]

Worker(sys.argv[1], sys.argv[2], handler).run()
print("ended", flush=True)
"""


def setUpModule():
    logging.getLogger("gospread.workqueue").setLevel(logging.CRITICAL)
    for name, seconds in (("submitter._RETRY", 0.1), ("submitter._ATTACHED_POLL", 0.1), ("worker._LAST_WAIT", 0.1)):
        patch = mock.patch(f"gospread.workqueue.{name}", seconds)
        patch.start()
        unittest.addModuleCleanup(patch.stop)


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class Case(unittest.TestCase):
    address = ADDRESS

    def setUp(self):
        self.queue = f"py{os.getpid()}.{self._testMethodName[-12:]}"

    def worker(self, handler, **options):
        """A worker in a thread."""
        w = Worker(self.address, self.queue, handler, **options)
        thread = threading.Thread(target=w.run)
        thread.start()

        def end():
            w.stop()
            thread.join(20)
            self.assertFalse(thread.is_alive(), "the worker does not end")

        self.addCleanup(end)
        w.end = end
        return w

    def process(self):
        """A worker in a process of its own."""
        p = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, self.address, self.queue], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        return p

    def submitter(self, **options):
        s = Submitter(self.address, self.queue, **options)
        self.addCleanup(s.close)
        return s

    def wait_workers(self, s, n):
        while s.stats().workers != n:
            pass


@needs_daemon
class WithDaemon(Case):
    def test_jobs_are_done(self):
        for capacity in (1, 3):
            self.worker(lambda task: task.payload[::-1], capacity=capacity)
        s = self.submitter()
        jobs = [s.submit_nowait(b"job %d" % i) for i in range(200)]
        for i, job in enumerate(jobs):
            self.assertEqual(job.result(20), (b"job %d" % i)[::-1])
        again = s.submit(b"other", id=jobs[0].id)
        self.assertEqual(again.result(20), b"job 0"[::-1])  # it is the same job
        self.assertEqual(again.status.state, State.DONE)
        self.assertEqual(s.stats(), Counts(workers=2, capacity=4, waiting=0, running=0, ended=200))

    def test_outcomes(self):
        def handler(task):
            what = task.payload.decode()
            if what == "fail":
                raise ValueError("no\nways \ud800" + 500 * "\u00e9")
            if what == "retry":
                if task.attempt < 3:
                    raise Retry("later")
                return f"attempt {task.attempt}"
            if what == "slow":
                task.stopped.wait()
                task.check()
            if what == "exit":
                sys.exit("really")
            if what == "half":
                raise ValueError("\ud83d")
            if what == "mute":
                raise Mute
            return 5 if what == "number" else None

        self.worker(handler, capacity=4)
        s = self.submitter()
        for payload, options, want in (
            (b"", {}, b""),
            (b"retry", {}, b"attempt 3"),
            (b"fail", {}, "ValueError: no ways \\?\u00e9+\ufffd$"),
            (b"retry", {"max_attempts": 2}, "later"),
            (b"slow", {"time_limit": 0.02}, "longer than 0.02s"),
            (b"exit", {}, "SystemExit: really"),
            (b"number", {}, "returned a int"),
            (b"half", {}, r"ValueError: \?"),
            (b"mute", {}, "Mute: its text cannot be read"),
        ):
            with self.subTest(payload, **options):
                job = s.submit(payload, **options)
                if isinstance(want, bytes):
                    self.assertEqual(job.result(20), want)
                else:
                    with self.assertRaisesRegex(Failed, want):
                        job.result(20)
                    self.assertEqual(s.status(job.id).state, State.FAILED)

    def test_handler_that_does_not_end(self):
        """It keeps its slot, so that what comes later goes to others, and gives it back."""
        go = threading.Event()
        self.addCleanup(go.set)

        def handler(task):
            if task.payload == b"hang" and task.attempt == 1:
                go.wait(20)
            return task.payload[::-1]

        w = self.worker(handler)
        s = self.submitter()
        job = s.submit(b"hang", time_limit=0.05)
        while w.stats.capacity != 0 or w.stats.waiting != 1:
            pass
        self.worker(handler)
        self.assertEqual(job.result(20), b"gnah")
        for _ in range(4):
            self.assertEqual(s.submit(b"ab").result(20), b"ba")
        self.assertEqual(s.stats().capacity, 1)
        go.set()
        while s.stats().capacity != 2:
            pass

    def test_progress_and_cancel(self):
        go = threading.Event()

        def handler(task):
            for i in range(100):
                task.progress(i, "reading")
            go.wait(20)
            task.progress(50, "writing")
            task.stopped.wait(20)
            task.check()

        w = self.worker(handler)
        s = self.submitter()
        job = s.submit(b"")
        news = job.progress()
        status = next(news)
        while status.percent != 99:
            status = next(news)
        self.assertEqual((status.state, status.text), (State.RUNNING, "reading"))
        go.set()
        while status.percent != 50:
            status = next(news)
        status = s.status(job.id)
        self.assertEqual((status.state, status.percent, status.text, status.attempt), (State.RUNNING, 50, "writing", 1))
        self.assertTrue(status.on.startswith("#"))
        waiting = s.submit(b"")
        self.assertEqual(s.status(waiting.id).state, State.WAITING)
        for j in (job, waiting):
            with self.assertRaises(NotDone):
                s.result(j.id)
        with self.assertRaises(TimeoutError):
            waiting.result(0.01)
        self.assertEqual(waiting.cancel().state, State.CANCELLED)
        job.cancel()
        for j in (job, waiting):
            with self.assertRaises(Cancelled):
                j.result(20)
        self.assertEqual(list(news), [])
        self.assertEqual(w.stats.ended, 2)

    def test_large_results(self):
        pdf = os.urandom(1 << 20)
        self.worker(lambda task: pdf * int(task.payload), limits=Limits(result=2 << 20))
        s, other = self.submitter(), self.submitter(max_result=1 << 20)
        job = s.submit(b"1")
        self.assertEqual(job.result(20), pdf)
        self.assertEqual(other.result(job.id), pdf)
        self.assertEqual(other.attach(job.id).result(20), pdf)
        self.assertEqual(s.submit(b"2").result(20), pdf * 2)
        with self.assertRaisesRegex(Failed, "3145728 bytes"):
            s.submit(b"3").result(20)
        with self.assertRaisesRegex(TooLarge, "takes 1048576"):
            other.submit(b"2").result(20)
        with self.assertRaises(TooLarge):
            s.submit(bytes(MAX_PAYLOAD + 1))

    def test_attached_before_it_is_done(self):
        go = threading.Event()
        self.worker(lambda task: b"late" if go.wait(20) else b"")
        s, later = self.submitter(), self.submitter()
        id = s.submit(b"").id
        s.close()
        job = later.attach(id)
        job.accepted()
        with self.assertRaises(ValueError):
            later.attach(id)
        go.set()
        self.assertEqual(job.result(20), b"late")
        with self.assertRaises(Unknown):
            later.attach("nobody-knows").result(20)
        self.assertEqual(later.status("nobody-knows").state, State.UNKNOWN)
        with self.assertRaises(ValueError):
            later.status("what is this")

    def test_full(self):
        go = threading.Event()
        self.addCleanup(go.set)
        self.worker(lambda task: b"" if go.wait(20) else b"", limits=Limits(jobs=2))
        s = self.submitter(outstanding=3)
        jobs = [s.submit(b"x") for _ in range(2)]
        with self.assertRaisesRegex(QueueFull, "2 jobs"):
            s.submit(b"")
        jobs.append(s.submit_nowait(b""))
        with self.assertRaises(QueueFull):
            jobs[2].result(20)
        go.set()
        for j in jobs[:2]:
            self.assertEqual(j.result(20), b"")
        s.submit(b"").result(20)

    def test_no_workers(self):
        s = self.submitter(no_workers=0.1, outstanding=1)
        with self.assertRaisesRegex(NoWorkers, "wq-py"):
            s.submit(b"")
        with self.assertRaises(TimeoutError):  # it is one, too
            s.stats()
        early = s.submit_nowait(b"early")
        with self.assertRaisesRegex(QueueFull, "waits for 1"):
            s.submit_nowait(b"more")
        self.worker(lambda task: task.payload)
        self.assertEqual(early.result(20), b"early")

    def test_services(self):
        """Jobs are held by all daemons when they are accepted."""
        with gospread.connect(self.address) as c:
            c.join("wq-" + self.queue)
            self.assertIsInstance(c.receive(20), View)
            s = self.submitter()
            s.submit_nowait(b"x")
            s.attach("y")
            for want in ((Service.SAFE, b"wq1 submit"), (Service.AGREED, b"wq1 query")):
                m = c.receive(20)
                self.assertEqual((m.service, m.data.partition(b"\n")[0]), want)

    def test_not_waited_for(self):
        go = threading.Event()

        def handler(task):
            (task.stopped if task.payload else go).wait(20)
            return b"kept"

        self.worker(handler, grace=0.01)
        s = self.submitter()
        job = s.submit(b"", wants_result=False)
        with self.assertRaises(NotDone):
            job.result()
        forgotten = s.submit(b"")
        forgotten.forget()
        with self.assertRaises(NotDone):
            forgotten.result()
        go.set()
        self.assertEqual(s.attach(job.id).result(20), b"kept")
        closed = s.submit_nowait(b"stuck")
        s.close()
        with self.assertRaises(Closed):
            closed.result()
        for f in (lambda: s.submit(b""), s.stats):
            with self.assertRaises(Closed):
                f()

    def test_numbers(self):
        """Who wants no limit says so with the largest numbers; what is no number is refused."""
        most = sys.maxsize
        self.worker(lambda task: task.payload[::-1], limits=Limits(most, most, most, most, most))
        s = self.submitter()
        self.assertEqual(s.submit(b"ab", max_attempts=most, time_limit=1e300).result(20), b"ba")
        for bad in (-1, 1.5):
            with self.assertRaises((ValueError, TypeError)):
                Limits(kept=bad)
            with self.assertRaises((ValueError, TypeError)):
                Worker(self.address, self.queue, len, capacity=bad)
            with self.assertRaises((ValueError, TypeError)):
                s.submit(b"", max_attempts=bad)
        with self.assertRaises(ValueError):
            s.submit(b"", time_limit=float("nan"))

    def test_asyncio(self):
        self.worker(lambda task: task.payload)
        s = self.submitter()

        async def main():
            jobs = [s.submit_nowait(b"%d" % i) for i in range(10)]
            return await asyncio.gather(*[asyncio.wrap_future(j.future) for j in jobs])

        self.assertEqual(asyncio.run(main()), [b"%d" % i for i in range(10)])

    def test_worker_killed(self):
        s = self.submitter()
        first = self.process()
        job = s.submit(b"stuck")
        self.assertEqual(first.stdout.readline(), f"begun {job.id} 1\n")
        self.worker(lambda task: b"saved %d" % task.attempt)
        self.wait_workers(s, 2)
        first.kill()
        self.assertEqual(job.result(20), b"saved 2")

    def test_worker_ends_in_order(self):
        s = self.submitter()
        first = self.process()
        stuck = s.submit(b"stuck")
        first.stdout.readline()
        first.send_signal(signal.SIGTERM)
        stuck.cancel()
        self.assertEqual(first.stdout.readline(), "ended\n")
        with self.assertRaises(Cancelled):
            stuck.result(20)

    def test_second_signal(self):
        s = self.submitter()
        w = self.process()
        s.submit(b"stuck")
        w.stdout.readline()
        w.send_signal(signal.SIGTERM)
        while s.stats().capacity > 0:
            pass
        w.send_signal(signal.SIGTERM)
        self.assertEqual(w.wait(10), -signal.SIGTERM)

    def test_poison(self):
        s = self.submitter()
        processes = [self.process() for _ in range(3)]
        self.wait_workers(s, 3)
        with self.assertRaisesRegex(Failed, "lost, 2 times"):
            s.submit(b"poison", max_attempts=2).result(30)
        self.assertEqual(s.submit(b"ab").result(20), b"ba")
        self.wait_workers(s, 1)
        self.assertEqual(sum(p.poll() is None for p in processes), 1)

    def test_grace(self):
        """A handler that does not notice costs an attempt, and holds nobody up."""
        go = threading.Event()
        self.addCleanup(go.set)
        w = self.worker(lambda task: b"" if go.wait(20) else b"", grace=0.05)
        s = self.submitter()
        job = s.submit(b"")
        while w.stats.running != 1:
            pass
        self.worker(lambda task: b"other")
        self.wait_workers(s, 2)
        w.end()
        self.assertEqual(job.result(20), b"other")


class ManualTimer:
    """A threading.Timer that goes off when the test says so."""

    all = []

    def __init__(self, seconds, function, args=()):
        self.go_off = lambda: function(*args)
        self.running = False

    def start(self):
        self.running = True
        self.all.append(self)

    def cancel(self):
        self.running = False


class WithoutDaemon(unittest.TestCase):
    """The slots of a worker that is not connected."""

    def setUp(self):
        self.begun, self.go = queue.Queue(), threading.Event()
        self.addCleanup(self.go.set)

        def handler(task):
            self.begun.put(task.id)
            if task.id == "first":
                self.go.wait(20)
            self.begun.put(f"{task.id}: {task.stopped.is_set()}")

        self.worker = Worker("4803", "q", handler)
        ManualTimer.all = []
        patch = mock.patch("threading.Timer", ManualTimer)
        patch.start()
        self.addCleanup(patch.stop)

    def begin(self, id, limit=0):
        with self.worker._lock:
            self.worker._start(Start(id, 1, limit, b""))
            (thread,) = [t for t in self.worker._threads if t.name == f"job {id}"]
        return thread

    def begin_both(self):
        first = self.begin("first")
        self.assertEqual(self.begun.get(timeout=20), "first")
        second = self.begin("second", 100)
        while not ManualTimer.all:
            pass
        return first, second

    def test_limit_begins_with_handler(self):
        first, second = self.begin_both()
        self.go.set()
        for thread in (first, second):
            thread.join(20)
        waiting, working = ManualTimer.all
        self.assertFalse(waiting.running or working.running)
        got = [self.begun.get_nowait() for _ in range(3)]
        self.assertEqual(got, ["first: False", "second", "second: False"])

    def test_wait_is_bounded(self):
        _, second = self.begin_both()
        ManualTimer.all[0].go_off()
        second.join(20)
        self.assertFalse(second.is_alive())
        self.assertTrue(self.begun.empty())

    def test_stopped_while_it_waits(self):
        _, second = self.begin_both()
        self.worker._do(lambda core: [Stop("second", 1, "cancelled")])
        second.join(20)
        self.assertFalse(second.is_alive())
        self.assertTrue(self.begun.empty())


@needs_program
class DaemonRestarted(Case):
    def setUp(self):
        super().setUp()
        self.daemon = OwnDaemon()
        self.addCleanup(self.daemon.close)
        self.address = self.daemon.address

    def test_nothing_is_lost(self):
        go, done = threading.Event(), []

        def handler(task):
            done.append(task.id)
            go.wait(20)
            return task.payload[::-1]

        self.worker(handler)
        self.worker(handler)
        s = self.submitter()
        self.wait_workers(s, 2)
        jobs = [s.submit(b"job %d" % i) for i in range(4)]
        while len(done) < 2:
            pass
        self.daemon.kill()
        go.set()  # two are done while there is no connection
        self.assertTrue(self.daemon.start())
        for i, job in enumerate(jobs):
            self.assertEqual(job.result(20), (b"job %d" % i)[::-1])
        # Who connects first may take over what the other has done and not yet told.
        self.assertEqual({*done}, {j.id for j in jobs})
        self.assertLessEqual(len(done), len(jobs) + 2)

    def test_end_without_daemon(self):
        w = self.worker(lambda task: b"", grace=3600)
        self.wait_workers(self.submitter(), 1)
        self.daemon.kill()
        w.end()


if __name__ == "__main__":
    unittest.main()
