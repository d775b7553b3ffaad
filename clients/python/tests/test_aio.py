"""The asyncio client against a daemon that the test plays."""

import asyncio
import gc
import socket
import unittest

import gospread
from gospread import ErrorCode, aio
from gospread.reconnect import Lost, Restored

from .fake import SERVICE, FakeTest, body, exactly, frame, trickle


def data(payload):
    return frame(SERVICE, "#a#b", ["g"], payload)


class Aio(FakeTest, unittest.IsolatedAsyncioTestCase):
    async def pair(self, **how):
        peer = self.pool.submit(self.daemon.shake, **how)
        client = await aio.connect(self.daemon.address, "u", timeout=20)
        self.addCleanup(peer.result().close)
        self.addAsyncCleanup(client.close, 0)
        return client, peer.result()

    def play(self, function, *args):
        return asyncio.wrap_future(self.pool.submit(function, *args))

    async def test_refusals(self):
        def refuse():
            with self.daemon.accept() as peer:
                exactly(peer, 6)
                peer.sendall(b"\xfa")

        played = self.play(refuse)
        with self.assertRaises(gospread.Refused) as caught:
            await aio.connect(self.daemon.address, "u")
        self.assertEqual(caught.exception.code, ErrorCode.REJECT_NOT_UNIQUE)
        await played
        self.daemon.close()
        with self.assertRaises(gospread.Refused):
            await aio.connect(self.daemon.address)
        with self.assertRaises(gospread.InvalidArgument):
            await aio.connect("nonsense")
        with self.assertRaises(gospread.InvalidArgument):
            await aio.connect("4803@a..b")

    async def test_time_is_bounded(self):
        accepted = self.play(self.daemon.accept)
        with self.assertRaises(gospread.ConnectionClosed):
            await aio.connect(self.daemon.address, "u", timeout=0.05)
        (await accepted).close()

    async def test_pieces_and_timeouts(self):
        client, peer = await self.pair()
        with self.assertRaises(TimeoutError):
            await client.receive(0)
        with self.assertRaises(TimeoutError):
            await client.receive(0.001)
        sent = self.play(trickle, peer, data(b"one") + data(b"x" * 300))
        self.assertEqual((await client.receive()).data, b"one")
        self.assertEqual((await client.receive(20)).data, b"x" * 300)
        await sent

    async def test_cancelling_loses_nothing(self):
        client, peer = await self.pair()
        for _ in range(50):
            waiting = asyncio.ensure_future(client.receive())
            await asyncio.sleep(0)
            peer.sendall(data(b"x"))
            waiting.cancel()
            try:
                event = await waiting
            except asyncio.CancelledError:
                event = await client.receive(20)
            self.assertEqual(event.data, b"x")
        self.assertEqual(client.poll(), 0)

    async def test_several_receivers(self):
        client, peer = await self.pair()
        waiting = [asyncio.ensure_future(client.receive()) for _ in range(5)]
        await asyncio.sleep(0)
        peer.sendall(b"".join([data(b"%d" % i) for i in range(5)]))
        self.assertEqual(sorted([(await w).data for w in waiting]), [b"0", b"1", b"2", b"3", b"4"])

    async def test_holds_the_daemon_back(self):
        """What is received ahead is bounded; all of it comes in the end."""
        client, peer = await self.pair()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 10)
        message = data(bytes(50000))
        sent = self.play(peer.sendall, message * 400)
        most = 0
        for _ in range(400):
            self.assertEqual(len((await client.receive(20)).data), 50000)
            await asyncio.sleep(0)
            most = max(most, client.poll())
        await sent
        self.assertLess(most, 1 << 20)

    async def test_a_long_message_while_held_back(self):
        client, peer = await self.pair()
        view = frame(0x1000 | 0x800, "g", ["#u#fake"] * 40000, body([["#u#fake"]]))
        sent = self.play(peer.sendall, data(b"1") * 3000 + view + data(b"2"))
        for _ in range(3000):
            await client.receive(20)
        self.assertEqual(len((await client.receive(20)).members), 40000)
        self.assertEqual((await client.receive(20)).data, b"2")
        await sent

    async def test_sending_waits_for_the_daemon(self):
        client, peer = await self.pair()
        count = 0

        async def flood():
            nonlocal count
            for _ in range(300):
                await client.multicast("g", bytes(100000))
                count += 1

        flooding = asyncio.ensure_future(flood())
        while not client._held:
            await asyncio.sleep(0)
        self.assertLess(count, 300)
        self.assertFalse(flooding.done())
        await self.play(exactly, peer, 300 * (80 + 100000))
        await flooding

    async def test_a_sender_lets_others_have_their_turn(self):
        client, peer = await self.pair()
        turns = 0

        async def other():
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        others = asyncio.ensure_future(other())
        reading = self.play(exactly, peer, 1000 * 81)
        for _ in range(1000):
            await client.multicast("g", b"x")
        others.cancel()
        await reading
        self.assertGreater(turns, 10)

    async def test_a_lost_connection(self):
        client, peer = await self.pair()
        peer.sendall(data(b"last") + data(b"half")[:50])
        peer.close()
        self.assertEqual((await client.receive(20)).data, b"last")
        for call in (client.receive, lambda: client.receive(0), lambda: client.join("g"), lambda: client.multicast("g", b"")):
            with self.assertRaises(gospread.ConnectionClosed) as caught:
                await call()
            self.assertEqual(caught.exception.code, ErrorCode.CONNECTION_CLOSED)

    async def test_a_damaged_stream(self):
        client, peer = await self.pair()
        peer.sendall(data(b"good") + frame(SERVICE, "#a#b", data_len=-1))
        self.assertEqual((await client.receive(20)).data, b"good")
        with self.assertRaises(gospread.ProtocolError):
            await client.receive(20)
        self.assertEqual(await self.play(peer.recv, 1), b"")

    async def test_closing(self):
        def farewell(peer):
            kill = exactly(peer, 80)
            peer.close()
            return kill

        client, peer = await self.pair()
        waiting = asyncio.ensure_future(client.receive())
        await asyncio.sleep(0)
        played = self.play(farewell, peer)
        await client.close(linger=20)
        self.assertEqual(await played, frame(0x40000, "#u#fake", ["#u#fake"]))
        for call in (lambda: waiting, client.receive, lambda: client.leave("g")):
            with self.assertRaises(gospread.ConnectionClosed) as caught:
                await call()
            self.assertEqual(caught.exception.code, ErrorCode.ILLEGAL_SESSION)
        await client.close()
        async for _ in client:
            self.fail("an event after close")

    async def test_closing_without_an_answer(self):
        peer = self.play(self.daemon.shake)
        async with aio.connect(self.daemon.address, "u") as client:
            held = await peer
            await client.close(linger=0.05)
        self.assertEqual(len(await self.play(exactly, held, 80)), 80)
        held.close()

    async def test_a_dropped_connection_is_ended(self):
        shaken = self.play(self.daemon.shake)
        client = await aio.connect(self.daemon.address, "u")
        with await shaken as peer:
            with self.assertWarnsRegex(ResourceWarning, "unclosed .*#u#fake"):
                del client
                gc.collect()
            self.assertEqual(await self.play(peer.recv, 1), b"")

    async def test_who_waits_keeps_the_connection(self):
        shaken = self.play(self.daemon.shake)
        waiting = asyncio.ensure_future((await aio.connect(self.daemon.address, "u")).receive())
        with await shaken as peer:
            await asyncio.sleep(0)
            gc.collect()
            peer.sendall(data(b"1"))
            with self.assertWarns(ResourceWarning):
                self.assertEqual((await waiting).data, b"1")
                del waiting
                gc.collect()

    async def test_closing_can_be_cancelled(self):
        client, peer = await self.pair()
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(client.close(linger=60), 0.05)
        await asyncio.wait_for(client.close(), 20)
        self.assertEqual(len(await self.play(exactly, peer, 80)), 80)
        self.assertEqual(await self.play(peer.recv, 1), b"")


class Reconnecting(FakeTest, unittest.IsolatedAsyncioTestCase):
    def play(self, function, *args, **how):
        return asyncio.wrap_future(self.pool.submit(function, *args, **how))

    async def polled(self, client):
        """The next event, for a program that only looks now and then."""
        for _ in range(2000):
            try:
                return await client.receive(0)
            except TimeoutError:
                await asyncio.sleep(0.01)
        self.fail("no event")

    async def test_timeouts_shorter_than_connecting(self):
        shaken = self.play(self.daemon.shake)
        async with aio.Reconnecting(self.daemon.address, "u") as client:
            peer = await shaken
            peer.sendall(data(b"1"))
            self.assertEqual((await self.polled(client)).data, b"1")
            peer.close()
            self.assertIsInstance(await self.polled(client), Lost)
            shaken = self.play(self.daemon.shake, private=b"#u#new")
            self.assertEqual(await self.polled(client), Restored("#u#new"))
            with await shaken as peer:
                peer.sendall(data(b"2"))
                self.assertEqual((await self.polled(client)).data, b"2")
                await client.close(0)

    async def test_before_it_is_opened(self):
        client = aio.Reconnecting(self.daemon.address, "u")
        for call in (client.receive, lambda: client.receive(0), lambda: client.join("g"), lambda: client.leave("g"), lambda: client.multicast("g", b"")):
            with self.assertRaisesRegex(RuntimeError, "not been opened"):
                await call()
        with self.assertRaises(RuntimeError):
            async for _ in client:
                pass
        await client.close()
        shaken = self.play(self.daemon.shake)
        async with client:
            with await shaken as peer:
                await client.join("g")
                self.assertEqual(len(await self.play(exactly, peer, 80)), 80)
                await client.close(0)

    async def test_close_ends_a_restoration(self):
        shaken = self.play(self.daemon.shake)
        client = await aio.Reconnecting(self.daemon.address, "u")
        (await shaken).close()
        self.assertIsInstance(await client.receive(20), Lost)
        waiting = asyncio.ensure_future(client.receive())
        with await self.play(self.daemon.accept):  # and no answer
            await client.close()
            with self.assertRaises(gospread.ConnectionClosed) as caught:
                await waiting
            self.assertEqual(caught.exception.code, ErrorCode.ILLEGAL_SESSION)


if __name__ == "__main__":
    unittest.main()
