#!/usr/bin/env python3
"""Three databases that stay equal, whatever happens: plays it on this machine, and proves it.

Three daemons, each with a node; writers at every node that get in each other's way: they book the same seats
and move money between the same accounts. Meanwhile a node is killed with kill -9 and comes back, another one
loses its disk and joins as a new one, and a daemon is killed with its node. At the end the
databases must be equal, each seat belong to whom it was promised, and no money be made or lost.
"""

import argparse
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, Dict, List, Optional, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ["a", "b", "c"]
ACCOUNTS, MONEY = 10, 100
began = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)


def free_ports(n: int) -> List[int]:
    """Ports that nobody has now, for TCP and UDP."""
    while True:
        port = random.randrange(30000, 60000)
        try:
            for p in range(port, port + n):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(socket.AF_INET, kind) as s:
                        s.bind(("127.0.0.1", p))
        except OSError:
            continue
        return list(range(port, port + n))


class Failure(Exception):
    """What must not happen has happened."""


class Node:
    """A daemon, and a node of the database next to it."""

    def __init__(self, name: str, port: int, spread: str, directory: str) -> None:
        self.name, self.spread, self.directory = name, spread, directory
        self.port = port  # of the daemon
        self.http = 0
        self.data = os.path.join(directory, name)
        self.daemon: Optional[subprocess.Popen[Any]] = None
        self.node: Optional[subprocess.Popen[str]] = None

    def start_daemon(self) -> None:
        log = open(os.path.join(self.directory, f"daemon-{self.name}.log"), "ab")
        command = [self.spread, "-c", "spread.conf", "-n", self.name]
        self.daemon = subprocess.Popen(command, cwd=self.directory, stdout=log, stderr=log)

    def start(self) -> None:
        log = open(os.path.join(self.directory, f"node-{self.name}.log"), "ab")
        command = [sys.executable, os.path.join(HERE, "node.py"), "--name", self.name, "--of", ",".join(NAMES)]
        command += ["--daemon", f"{self.port}@127.0.0.1", "--data", self.data, "--listen", f"127.0.0.1:{self.http}"]
        command += ["--keep", "20", "--compact", "50000"]  # so little that joiners get the database itself
        self.node = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.node.stdout is not None
        line = self.node.stdout.readline()
        if not line:
            raise Failure(f"node {self.name} does not start; see {log.name}")
        self.http = int(line.rpartition(":")[2])

    def log(self) -> str:
        """The end of what node and daemon have logged."""
        text = ""
        for what in ("node", "daemon"):
            with open(os.path.join(self.directory, f"{what}-{self.name}.log"), encoding="utf-8", errors="replace") as f:
                text += f"{what} {self.name}:\n{f.read()[-3000:]}\n"
        return text

    def kill(self, daemon: bool = False) -> None:
        """kill -9"""
        for p in [self.node] + [self.daemon] * daemon:
            if p is not None:
                p.send_signal(signal.SIGKILL)
                p.wait()

    def end(self) -> None:
        """End both in order, so that nothing is left behind."""
        for p in (self.node, self.daemon):
            if p is not None:
                p.terminate()
                try:
                    p.wait(10)
                except subprocess.TimeoutExpired:
                    p.kill()
                    p.wait()

    def ask(self, method: str, path: str, body: Optional[str] = None) -> Tuple[int, Any]:
        """A request. Raises OSError or HTTPException if the node does not answer."""
        c = http.client.HTTPConnection("127.0.0.1", self.http, timeout=60)
        try:
            c.request(method, path, body)
            r = c.getresponse()
            return r.status, json.loads(r.read())
        finally:
            c.close()

    def sql(self, *statements: Tuple[str, List[Any]], id: str = "") -> Tuple[int, Any]:
        return self.ask("POST", "/sql", json.dumps({"statements": statements, "id": id}))

    def wait(self, members: int) -> None:
        """Wait until so many nodes are together, and this one has what the others have."""
        late = time.monotonic() + 60
        while time.monotonic() < late:
            try:
                s = self.ask("GET", "/status")[1]
                if s["current"] and len(s["members"]) == members:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        raise Failure(f"node {self.name} does not get ready; see {self.directory}")


class Writers:
    """Writers at all nodes. What they are told is kept, to be compared with the databases at the end."""

    def __init__(self, nodes: List[Node]) -> None:
        self.nodes = nodes
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.seats: Dict[int, str] = {}  # whom they were promised to
        self.failure: Optional[Failure] = None
        self.booked = self.taken = self.moved = self.poor = self.retried = 0
        self.threads = [threading.Thread(target=self.work, args=(n, i)) for n in nodes for i in range(2)]

    def start(self) -> None:
        for t in self.threads:
            t.start()

    def end(self) -> None:
        self.stop.set()
        for t in self.threads:
            t.join()
        self.check()

    def check(self) -> None:
        if self.failure:
            raise self.failure

    def done(self) -> int:
        with self.lock:
            return self.booked + self.taken + self.moved + self.poor

    def more(self, n: int) -> None:
        """Wait until so many more writes are done."""
        n += self.done()
        late = time.monotonic() + 60
        while self.done() < n:
            self.check()
            if time.monotonic() > late:
                raise Failure("the writers do not get on")
            time.sleep(0.02)

    def certain(self, node: Node, id: str, *statements: Tuple[str, List[Any]]) -> Optional[Any]:
        """Write, and try again under the same id, at whichever node answers, until the outcome is known."""
        at = self.nodes.index(node)
        late = time.monotonic() + 60
        while time.monotonic() < late:
            try:
                code, result = self.nodes[at].sql(*statements, id=id)
                if code in (200, 409):
                    return result
            except (OSError, http.client.HTTPException):
                pass
            with self.lock:
                self.retried += 1
            at = (at + 1) % len(self.nodes)
            time.sleep(0.05)
        raise Failure(f"a write had no outcome for a minute: {statements}")

    def work(self, node: Node, i: int) -> None:
        try:
            self.write(node, i)
        except Failure as e:
            self.failure = e

    def write(self, node: Node, i: int) -> None:
        r = random.Random(f"{node.name}{i}")
        me = f"{node.name}{i}"
        for n in range(1_000_000):
            if self.stop.is_set():
                return
            if n % 2:
                self.book(node, me, f"{me}.{n}", n // 2)
            else:
                source, target = r.sample(range(ACCOUNTS), 2)
                self.move(node, f"{me}.{n}", source, target, r.randrange(1, 60))

    def book(self, node: Node, me: str, id: str, seat: int) -> None:
        result = self.certain(node, id, ("INSERT INTO booking (seat, who) VALUES (?, ?)", [seat, me]))
        with self.lock:
            if result and "error" not in result:
                if seat in self.seats:
                    raise Failure(f"seat {seat} was promised to {self.seats[seat]} and to {me}")
                self.seats[seat] = me
                self.booked += 1
            else:
                self.taken += 1

    def move(self, node: Node, id: str, source: int, target: int, amount: int) -> None:
        result = self.certain(
            node,
            id,
            ("UPDATE account SET balance = balance - ? WHERE id = ?", [amount, source]),
            ("UPDATE account SET balance = balance + ? WHERE id = ?", [amount, target]),
            ("INSERT INTO transfer (source, target, amount) VALUES (?, ?, ?)", [source, target, amount]),
        )
        with self.lock:
            if result and "error" not in result:
                self.moved += 1
            else:
                self.poor += 1


def play(nodes: List[Node], writers: Writers) -> None:
    a, b, c = nodes
    say("three daemons and three nodes come up")
    for n in nodes:
        n.start_daemon()
    for n in nodes:
        n.start()
    for n in nodes:
        n.wait(3)
    schema: List[Tuple[str, List[Any]]] = [
        ("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL CHECK (balance >= 0))", []),
        ("CREATE TABLE transfer (nr INTEGER PRIMARY KEY AUTOINCREMENT, source, target, amount)", []),
        ("CREATE TABLE booking (seat INTEGER PRIMARY KEY, who TEXT NOT NULL)", []),
    ]
    rows: List[Tuple[str, List[Any]]] = [(f"INSERT INTO account VALUES (?, {MONEY})", [i]) for i in range(ACCOUNTS)]
    code, result = a.sql(*schema, *rows)
    if code != 200:
        raise Failure(f"the tables cannot be made: {result}")
    say("writers at all nodes book the same seats and move money between the same accounts")
    writers.start()
    writers.more(200)
    say("node b is killed (kill -9); the others go on")
    b.kill()
    a.wait(2)
    writers.more(100)
    b.start()
    b.wait(3)
    say("node b is back, and has what it missed")
    writers.more(50)
    say("node c is killed and loses its disk; the others go on")
    c.kill()
    shutil.rmtree(c.data)
    a.wait(2)
    writers.more(100)
    say("a new node c joins, while the writers go on")
    c.start()
    c.wait(3)
    say("node c has it all")
    writers.more(50)
    say("node a is killed together with its daemon")
    a.kill(daemon=True)
    b.wait(2)
    writers.more(100)
    a.start_daemon()
    a.start()
    a.wait(3)
    say("node a is back")
    writers.more(50)
    say("all nodes are killed at once, and come back")
    for n in nodes:
        n.kill()
    for n in nodes:
        n.start()
    for n in nodes:
        n.wait(3)
    writers.more(100)
    writers.end()


def prove(nodes: List[Node], writers: Writers) -> None:
    say(
        f"{writers.moved} transfers and {writers.booked} bookings are done; {writers.poor} transfers had no money, "
        f"{writers.taken} seats were taken; {writers.retried} requests were made again"
    )
    if not writers.poor or not writers.taken:
        raise Failure("nobody got in anybody's way: nothing is proved")
    digests = []
    for n in nodes:
        code, answer = n.ask("GET", "/digest")
        if code != 200:
            raise Failure(f"node {n.name}: {answer}")
        say(f"node {n.name} has the database {answer['digest']}")
        digests.append(answer["digest"])
    if len(set(digests)) != 1:
        raise Failure("THE DATABASES DIFFER")
    for n in nodes:
        def one(sql: str) -> Any:
            return n.ask("POST", "/query", sql)[1]["rows"]

        seats = {seat: who for seat, who in rows_of(n, "SELECT seat, who FROM booking", "seat")}
        if seats != writers.seats:
            raise Failure(f"node {n.name}: seats do not belong to whom they were promised")
        if one("SELECT sum(balance) FROM account") != [[ACCOUNTS * MONEY]]:
            raise Failure(f"node {n.name}: money was made or lost")
        if one("SELECT count(*) FROM transfer") != [[writers.moved]]:
            raise Failure(f"node {n.name}: there are not as many transfers as were acknowledged")
    say("all databases are equal; every seat belongs to whom it was promised; no money was made or lost")


def rows_of(n: Node, sql: str, key: str) -> List[Any]:
    """All rows, a page at a time."""
    rows: List[Any] = []
    while True:
        page = n.ask("POST", "/query", f"{sql} ORDER BY {key} LIMIT 1000 OFFSET {len(rows)}")[1]["rows"]
        rows += page
        if len(page) < 1000:
            return rows


def end(*_: Any) -> None:
    raise KeyboardInterrupt


def main() -> None:
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, end)  # so that nothing is left running
    p = argparse.ArgumentParser(description="Three databases that stay equal.")
    p.add_argument("--spread", default=shutil.which("spread"), help="the daemon's program")
    p.add_argument("--stay", action="store_true", help="leave all of it running until Ctrl-C")
    args = p.parse_args()
    if not args.spread:
        sys.exit("there is no program spread; name it with --spread")
    with tempfile.TemporaryDirectory(prefix="sqlreplica-") as directory:
        ports = free_ports(9)
        with open(os.path.join(directory, "spread.conf"), "w") as f:
            for name, port in zip(NAMES, ports[::3]):  # a daemon uses the next port, too
                f.write(f"Spread_Segment 127.0.0.255:{port} {{\n    {name} 127.0.0.1\n}}\n")
            f.write("WideAreaNetwork = no\n")  # they are as near to each other as in one segment
        nodes = [Node(name, port, os.path.abspath(args.spread), directory) for name, port in zip(NAMES, ports[::3])]
        writers = Writers(nodes)
        proved = False
        try:
            play(nodes, writers)
            prove(nodes, writers)
            proved = True
            if args.stay:
                say("try it; Ctrl-C ends all:")
                print(f"  curl -d 'SELECT * FROM account' http://127.0.0.1:{nodes[0].http}/query")
                print(f"  curl -d 'UPDATE account SET balance = 1 WHERE id = 0' http://127.0.0.1:{nodes[1].http}/sql")
                print(f"  curl http://127.0.0.1:{nodes[2].http}/status", flush=True)
                signal.pause()
        except KeyboardInterrupt:
            if not proved:
                sys.exit("ended before anything was proved")
        except Failure as e:
            for n in nodes:
                print(n.log(), file=sys.stderr)
            sys.exit(str(e))
        finally:
            writers.stop.set()
            for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(s, signal.SIG_IGN)
            for n in nodes:
                n.end()


if __name__ == "__main__":
    main()
