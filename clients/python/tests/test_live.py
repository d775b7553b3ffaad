"""Both clients with real daemons."""

import asyncio
import os
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

import gospread
from gospread import Cause, ErrorCode, Message, SelfLeave, Service, View, aio
from gospread.reconnect import Lost, Reconnecting, Restored

from .daemon import ADDRESS, SOCKET, OwnDaemon, needs_daemon, needs_program, needs_socket

GROUP = f"py{os.getpid()}"


def until(client, kind, **fields):
    """Receive until an event of this kind with these fields, and return it."""
    while True:
        event = client.receive(20)
        if isinstance(event, kind) and all(getattr(event, k) == v for k, v in fields.items()):
            return event


@needs_daemon
class Live(unittest.TestCase):
    def connect(self, **how):
        c = gospread.connect(ADDRESS, **how)
        self.addCleanup(c.close)
        return c

    def test_life_of_a_group(self):
        a, b = self.connect(), self.connect()
        a.join(GROUP)
        first = a.receive(20)
        self.assertEqual((first.members, first.changed, first.index), ((a.private_group,), a.private_group, 0))
        b.join(GROUP)
        for c in (a, b):
            view = c.receive(20)
            self.assertEqual((view.cause, view.changed), (Cause.JOIN, b.private_group))
            self.assertEqual(view.members[view.index], c.private_group)
            self.assertNotEqual(view.id, first.id)
        for service in Service:
            for type in (-32768, 0, 32767):
                data = f"{service}{type}".encode()
                a.multicast([GROUP, b.private_group], data, service=service, type=type)
                got = a.receive(20)
                self.assertEqual(got, b.receive(20))
                self.assertEqual((got.service, got.type, got.data), (service, type, data))
                self.assertEqual((got.sender, got.groups), (a.private_group, (GROUP, b.private_group)))
        a.multicast(GROUP, b"not for me", self_discard=True)
        self.assertTrue(b.receive(20).self_discard)
        b.leave(GROUP)
        self.assertEqual(b.receive(20), SelfLeave(GROUP))
        left = a.receive(20)
        self.assertEqual((left.cause, left.changed, left.members), (Cause.LEAVE, b.private_group, (a.private_group,)))
        b.join(GROUP)
        until(a, View, cause=Cause.JOIN)
        b.close()
        self.assertEqual(a.receive(20).cause, Cause.DISCONNECT)

    def test_names(self):
        a = self.connect(name="taken")
        with self.assertRaises(gospread.Refused) as caught:
            gospread.connect(ADDRESS, "taken")
        self.assertEqual(caught.exception.code, ErrorCode.REJECT_NOT_UNIQUE)
        a.close()
        self.assertEqual(self.connect(name=b"taken").name, "taken")  # free as soon as close returns
        c = self.connect(membership=False)
        c.join(GROUP + "n")
        c.multicast([GROUP + "n", b"\xff\xfe", "\u00fc"], b"x")
        self.assertEqual(c.receive(20).groups, (GROUP + "n", "\udcff\udcfe", "\u00fc"))

    def test_largest_message(self):
        c = self.connect()
        data = os.urandom(143952 - 32)
        for _ in range(3):
            c.multicast(c.private_group, data)
        for _ in range(3):
            self.assertEqual(c.receive(20).data, data)

    def test_many_senders_one_receiver(self):
        """Messages of each thread keep their order, and are whole."""
        c, threads, count = self.connect(membership=False), 8, 300
        c.join(GROUP + "t")

        def send(i):
            for n in range(count):
                c.multicast(GROUP + "t", b"%d %d " % (i, n) + b"x" * (n * 97 % 20000))

        with ThreadPoolExecutor(threads) as pool:
            sending = [pool.submit(send, i) for i in range(threads)]
            last = [-1] * threads
            for _ in range(threads * count):
                i, n, filling = c.receive(20).data.split(b" ")
                self.assertEqual(int(n), last[int(i)] + 1)
                self.assertEqual(len(filling), int(n) * 97 % 20000)
                last[int(i)] = int(n)
            for s in sending:
                s.result()

    def test_several_receivers_share(self):
        c, count = self.connect(membership=False), 2000
        got, lock = [], threading.Lock()

        def receive():
            try:
                while True:
                    event = c.receive()
                    with lock:
                        got.append(int(event.data))
                        if len(got) == count:
                            c.close()
            except gospread.ConnectionClosed:
                pass

        with ThreadPoolExecutor(4) as pool:
            for _ in range(4):
                pool.submit(receive)
            for n in range(count):
                c.multicast(c.private_group, b"%d" % n)
        self.assertEqual(sorted(got), list(range(count)))

    @needs_socket
    def test_unix_socket(self):
        with gospread.connect("unix:" + SOCKET) as c:
            c.multicast(c.private_group, bytes(100000))
            self.assertEqual(len(c.receive(20).data), 100000)

        async def main():
            async with aio.connect("unix:" + SOCKET) as c:
                await c.multicast(c.private_group, b"x")
                return (await c.receive(20)).data

        self.assertEqual(asyncio.run(main()), b"x")

    def test_aio(self):
        async def main():
            async with aio.connect(ADDRESS) as a, aio.connect(ADDRESS) as b:
                await a.join(GROUP + "a")
                self.assertIsInstance(await a.receive(20), View)

                async def send():
                    for n in range(1000):
                        await b.multicast(GROUP + "a", b"%d" % n)

                sending = asyncio.ensure_future(send())
                n = 0
                async for event in a:
                    self.assertEqual(event.data, b"%d" % n)
                    n += 1
                    if n == 1000:
                        break
                await sending
                with self.assertRaises(gospread.Refused):
                    await aio.connect(ADDRESS, a.name)

        asyncio.run(main())


@needs_program
class Restart(unittest.TestCase):
    def setUp(self):
        self.daemon = OwnDaemon()
        self.addCleanup(self.daemon.close)

    def test_a_dead_daemon(self):
        c = gospread.connect(self.daemon.address)
        self.daemon.kill()
        with self.assertRaises(gospread.ConnectionClosed):
            c.receive(20)
        c.close()
        self.assertTrue(self.daemon.start())

    def test_reconnecting(self):
        with Reconnecting(self.daemon.address, "again") as c:
            c.join("g")
            c.join("gone")
            until(c, View, group="gone")
            c.leave("gone")
            until(c, SelfLeave)
            self.daemon.kill()
            self.assertIsInstance(c.receive(20), Lost)
            with self.assertRaises(gospread.ConnectionClosed):
                c.multicast("g", b"")
            c.join("later")
            with self.assertRaises(TimeoutError):
                c.receive(0)
            self.daemon.start()
            self.assertEqual(until(c, Restored).private_group, "#again#own")
            self.assertEqual({c.receive(20).group, c.receive(20).group}, {"g", "later"})
            c.multicast("g", b"here")
            self.assertEqual(until(c, Message).data, b"here")
            self.daemon.kill()
            self.assertIsInstance(c.receive(20), Lost)
            with ThreadPoolExecutor() as pool:
                waiting = pool.submit(list, c)
                c.close()
                self.assertEqual(waiting.result(), [])
        with self.assertRaises(gospread.Refused):
            Reconnecting(self.daemon.address)
        self.assertTrue(self.daemon.start())

    def test_aio_reconnecting(self):
        async def main():
            async with aio.Reconnecting(self.daemon.address, "again") as c:
                await c.join("g")
                self.assertIsInstance(await c.receive(20), View)
                self.daemon.kill()
                self.assertIsInstance(await c.receive(20), Lost)
                with self.assertRaises(gospread.ConnectionClosed):
                    await c.multicast("g", b"")
                with self.assertRaises(TimeoutError):
                    await c.receive(0.01)
                self.daemon.start()
                self.assertIsInstance(await c.receive(20), Restored)
                self.assertEqual((await c.receive(20)).group, "g")
                waiting = asyncio.ensure_future(c.receive())
                await asyncio.sleep(0)
                await c.close()
                with self.assertRaises(gospread.ConnectionClosed):
                    await waiting
                async for _ in c:
                    self.fail("an event after close")

        asyncio.run(main())


if __name__ == "__main__":
    unittest.main()
