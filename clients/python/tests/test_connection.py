"""The synchronous client against a daemon that the test plays."""

import array
import contextlib
import os
import select
import signal
import socket
import tempfile
import threading
import tracemalloc
import unittest
from unittest import mock

import gospread
from gospread import ErrorCode, Service

from .fake import REG_MEMB, SERVICE, FakeTest, body, exactly, frame, trickle


def data(payload, type=0, **how):
    return frame(SERVICE, "#a#b", ["g"], payload, type=type, **how)


class Connecting(FakeTest):
    def refused(self, code, play, **how):
        future = self.pool.submit(play)
        with self.assertRaises(gospread.SpreadError) as caught:
            gospread.connect(self.daemon.address, "u", **{"timeout": 20, **how})
        self.assertEqual(caught.exception.code, code)
        self.assertIn(self.daemon.address.partition("@")[0], str(caught.exception))
        future.result()

    def say(self, *steps):
        """Accept; send bytes and read so many, in turn; close."""
        with self.daemon.accept() as peer:
            for step in steps:
                if isinstance(step, int):
                    exactly(peer, step)
                else:
                    peer.sendall(step)

    def test_refusals(self):
        for code in range(-9, -2):
            if code == ErrorCode.CONNECTION_CLOSED:
                continue
            answer = bytes((code & 0xFF,))
            self.refused(code, lambda: self.say(6, answer))
            self.refused(code, lambda: self.say(answer))  # unread bytes become a reset
            self.refused(code, lambda: self.say(6, b"\5NULL ", 90, answer))

    def test_no_daemon_of_spread(self):
        closed = ErrorCode.CONNECTION_CLOSED
        self.refused(closed, lambda: self.say())
        self.refused(closed, lambda: self.say(6, b"\x80"))
        self.refused(closed, lambda: self.say(6, b"\5NUL"))
        self.refused(closed, lambda: self.say(6, b"\5NULL ", 90, b"\1\5\0"))
        self.refused(closed, lambda: self.say(6, b"\5NULL ", 90, b"\1\5\0\1\x20" + bytes(32)))
        self.refused(closed, lambda: self.say(6, b"\5NULL ", 90, b"\1\5\0\1\0"))
        self.refused(closed, lambda: self.say(6, b"\5NULL ", 90, b"\2\5\0\1\1"))
        self.refused(ErrorCode.REJECT_VERSION, lambda: self.say(6, b"\5NULL ", 90, b"\1\2\0\1\4#u#d"))

    def test_authentication(self):
        self.refused(ErrorCode.REJECT_AUTH, lambda: self.say(6, b"\3IP "))
        self.refused(ErrorCode.REJECT_AUTH, lambda: self.say(6, b"\0"))

        def method():
            answer = yield b"secret", 2
            self.assertEqual(answer, b"ok")

        def play():
            with self.daemon.accept() as peer:
                exactly(peer, 6)
                peer.sendall(b"\x08NULL PW ")
                self.assertEqual(exactly(peer, 90), b"PW".ljust(30, b"\0") + b"NULL".ljust(60, b"\0"))
                self.assertEqual(exactly(peer, 6), b"secret")
                peer.sendall(b"ok\1\5\0\1\4#u#d")

        future = self.pool.submit(play)
        gospread.connect(self.daemon.address, "u", auth=[("PW", method), "NULL"]).abort()
        future.result()

    def test_time_is_bounded(self):
        done = threading.Event()

        def silent():
            with self.daemon.accept():
                done.wait(20)

        future = self.pool.submit(silent)
        with self.assertRaises(gospread.ConnectionClosed):
            gospread.connect(self.daemon.address, "u", timeout=0.05)
        done.set()
        future.result()

    def test_time_is_bounded_for_all_addresses_together(self):
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as stack:
            address = full.getsockname()
            for _ in range(4):  # more than it queues: the next one gets no answer
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(address)
            info = (socket.AF_INET, socket.SOCK_STREAM, 6, "", address)
            tried = []

            def connect(sock, target):
                tried.append(target)
                return socket_connect(sock, target)

            socket_connect = socket.socket.connect
            with mock.patch.object(socket, "getaddrinfo", return_value=[info] * 50), mock.patch.object(
                socket.socket, "connect", connect, create=True
            ), self.assertRaises(gospread.ConnectionClosed) as caught:
                gospread.connect(f"{address[1]}@many", timeout=0.05)
            self.assertIn("time was over", str(caught.exception))
            self.assertEqual(len(tried), 1)

    def test_nobody_there(self):
        self.daemon.close()
        with self.assertRaises(gospread.Refused) as caught:
            gospread.connect(self.daemon.address)
        self.assertEqual(caught.exception.code, ErrorCode.COULD_NOT_CONNECT)
        with self.assertRaises(gospread.InvalidArgument) as caught:
            gospread.connect("4803@a..b")
        self.assertEqual(caught.exception.code, ErrorCode.ILLEGAL_SPREAD)

    def test_local_port_without_a_socket_is_tcp(self):
        with tempfile.TemporaryDirectory() as d:
            peer = self.pool.submit(self.daemon.shake)
            with gospread.connect(self.daemon.address.partition("@")[0], socket_dirs=(d,)) as c:
                self.assertEqual(c.private_group, "#u#fake")
                peer.result().close()

    @unittest.skipUnless(hasattr(socket, "AF_UNIX"), "no Unix sockets here")
    def test_unix_sockets(self):
        with tempfile.TemporaryDirectory() as d, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(d + "/31999")
            listener.listen()
            self.daemon.accept = lambda: listener.accept()[0]
            for address in ("31999", f"unix:{d}/31999"):
                peer = self.pool.submit(self.say, 5, b"\5NULL ", 90, b"\1\5\0\1\7#u#fake")
                c = gospread.connect(address, socket_dirs=(d + "/none", d))
                self.assertEqual((c.private_group, c.name, c.daemon), ("#u#fake", "u", "fake"))
                peer.result()
                c.close()


class Receiving(FakeTest):
    def test_pieces(self):
        client, peer = self.pair()
        stream = data(b"one", 1) + frame(REG_MEMB | 0x100, "g", ["#u#fake"], body([["#u#fake"]])) + data(b"")
        sent = self.pool.submit(trickle, peer, stream)
        self.assertEqual(client.receive(20).data, b"one")
        view = client.receive()
        self.assertEqual((view.group, view.changed, view.index), ("g", "#u#fake", 0))
        self.assertEqual(client.receive(20).data, b"")
        sent.result()

    def test_a_timeout_loses_nothing(self):
        client, peer = self.pair()
        message = data(b"x" * 100)
        for cut in (1, 47, 48, 49, 79, 80, 81, 179):
            peer.sendall(message[:cut])
            arrived(client, cut)
            with self.assertRaises(TimeoutError):
                client.receive(0)
            with self.assertRaises(TimeoutError):
                client.receive(0.001)
            peer.sendall(message[cut:])
            self.assertEqual(client.receive(20).data, b"x" * 100)

    def test_timeouts_may_be_any_number(self):
        client, peer = self.pair()
        for timeout in (1e12, float("inf")):
            peer.sendall(data(b"x"))
            self.assertEqual(client.receive(timeout).data, b"x")
        peer.close()
        client.close(linger=float("inf"))

    def test_nothing_is_hidden_from_select(self):
        client, peer = self.pair()
        stream = data(b"1") + data(b"2") + data(b"3" * 70000) + data(b"4")
        peer.sendall(stream + data(b"5")[:60])
        for want in (b"1", b"2", b"3" * 70000, b"4"):
            self.assertEqual(select.select([client], [], [], 20)[0], [client])
            self.assertGreater(client.poll(), 0)
            self.assertEqual(client.receive(20).data, want)
        arrived(client, 60)
        with self.assertRaises(TimeoutError):
            client.receive(0)
        self.assertEqual(select.select([client], [], [], 0)[0], [])
        self.assertEqual(client.poll(), 0)
        peer.sendall(data(b"5")[60:])
        self.assertEqual(select.select([client], [], [], 20)[0], [client])
        self.assertEqual(client.receive(0).data, b"5")

    def test_other_byte_order_and_old_views(self):
        client, peer = self.pair(version=(3, 17, 3))
        peer.sendall(data(b"x", -2, order=">") + frame(REG_MEMB | 0x400, "g", ["#u#fake"], body([["#a#b"]], old=True, order=">"), order=">"))
        self.assertEqual(client.receive(20).type, -2)
        self.assertEqual(client.receive(20).changed, "#a#b")

    def test_a_lost_connection(self):
        client, peer = self.pair()
        peer.sendall(data(b"last") + data(b"half")[:50])
        peer.close()
        self.assertEqual(client.receive(20).data, b"last")
        for _ in range(2):
            with self.assertRaises(gospread.ConnectionClosed) as caught:
                client.receive(20)
            self.assertEqual(caught.exception.code, ErrorCode.CONNECTION_CLOSED)
        for call in (client.poll, lambda: client.join("g"), lambda: client.multicast("g", b""), lambda: next(iter(client))):
            with self.assertRaises(gospread.ConnectionClosed):
                call()

    def test_a_damaged_stream_is_given_up(self):
        client, peer = self.pair()
        peer.sendall(data(b"good") + frame(SERVICE, "#a#b", data_len=-1))
        self.assertEqual(client.receive(20).data, b"good")
        for _ in range(2):
            with self.assertRaises(gospread.ProtocolError):
                client.receive(20)
        with self.assertRaises(gospread.ConnectionClosed):
            client.multicast("g", b"")
        self.assertEqual(peer.recv(1), b"")

    def test_a_length_takes_no_memory(self):
        """Memory grows with what arrives, not with what is announced."""
        client, peer = self.pair()
        peer.sendall(frame(REG_MEMB | 0x800, "g", data_len=7 << 20))
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for _ in range(3):
            peer.sendall(bytes(1000))
            with self.assertRaises(TimeoutError):
                client.receive(0.05)
        self.assertLess(tracemalloc.get_traced_memory()[1], 1 << 20)

    def test_iteration_ends_with_close(self):
        client, peer = self.pair()
        peer.sendall(data(b"1"))
        for event in client:
            self.assertEqual(event.data, b"1")
            client.abort()


class Sending(FakeTest):
    def test_what_arrives(self):
        client, peer = self.pair()
        for payload, groups in ((b"x", "g"), (b"", ["g", b"#a#b"]), (bytes(range(256)) * 500, "g")):
            for form in (bytes, bytearray, memoryview):
                sent = self.pool.submit(
                    client.multicast, groups, form(payload), service=Service.SAFE, type=-3, self_discard=True
                )
                names = [groups] if isinstance(groups, str) else [g if isinstance(g, str) else g.decode() for g in groups]
                want = frame(0x60, "#u#fake", names, payload, type=-3)
                self.assertEqual(exactly(peer, len(want)), want)
                self.assertEqual(sent.result(), len(payload))
        for odd in (array.array("i", range(10)), array.array("i", range(10000)), memoryview(b"abcd" * 9000)[::2]):
            size = memoryview(odd).nbytes
            sent = self.pool.submit(client.multicast, "g", odd)
            self.assertEqual(exactly(peer, 80 + size)[80:], memoryview(odd).tobytes())
            self.assertEqual(sent.result(), size)

    def test_text_is_no_data(self):
        client, _ = self.pair()
        with self.assertRaises(TypeError):
            client.multicast("g", "text")
        client.multicast("g", b"still there")


class Closing(FakeTest):
    def test_takes_leave_and_waits_for_the_daemon(self):
        client, peer = self.pair()

        def farewell():
            kill = exactly(peer, 80)
            peer.sendall(data(b"too late"))
            peer.shutdown(socket.SHUT_RDWR)
            return kill

        future = self.pool.submit(farewell)
        client.close(linger=20)
        self.assertEqual(future.result(), frame(0x40000, "#u#fake", ["#u#fake"]))
        client.close()
        self.assertTrue(client.closed)
        self.assertEqual(client.fileno(), -1)
        for call in (client.receive, client.poll, lambda: client.leave("g"), lambda: client.receive(0)):
            with self.assertRaises(gospread.ConnectionClosed) as caught:
                call()
            self.assertEqual(caught.exception.code, ErrorCode.ILLEGAL_SESSION)

    def test_polling_does_not_wait_for_a_receiver(self):
        client, peer = self.pair()
        waiting = self.pool.submit(client.receive)
        while client._receiving.acquire(blocking=False):
            client._receiving.release()
        self.assertEqual(self.pool.submit(client.poll).result(timeout=5), 0)
        peer.sendall(data(b"x"))
        self.assertEqual(waiting.result().data, b"x")

    def test_wakes_receivers(self):
        for timeout in (None, 20):
            client, peer = self.pair()
            waiting = [self.pool.submit(client.receive, timeout) for _ in range(3)]
            client.close(linger=0.05)  # the daemon does not answer
            for w in waiting:
                with self.assertRaises(gospread.ConnectionClosed):
                    w.result()

    def test_wakes_senders(self):
        client, peer = self.pair()
        began = threading.Event()

        def flood():
            while True:
                client.multicast("g", bytes(100000))
                began.set()

        flooding = [self.pool.submit(flood) for _ in range(2)]
        began.wait(20)
        client.close(linger=0.05)
        for f in flooding:
            with self.assertRaises(gospread.ConnectionClosed):
                f.result()

    @unittest.skipUnless(hasattr(os, "fork"), "no processes here")
    def test_a_process_that_was_forked_lets_go(self):
        client, peer = self.pair()

        def other(end):
            child = os.fork()
            if child == 0:
                try:
                    end()
                finally:
                    os._exit(0)
            os.waitpid(child, 0)

        with client._receiving:  # as if a thread received
            other(client.close)
        peer.sendall(data(b"1"))
        self.assertEqual(client.receive(20).data, b"1")
        client.join("g")
        self.assertEqual(exactly(peer, 80)[:4], frame(0x10000, "")[:4])
        # One that has used it takes leave, as a daemon does that its parent has started.
        other(lambda: (client.join("g"), client.close(linger=0.05)))
        exactly(peer, 80)
        self.assertEqual(exactly(peer, 80), frame(0x40000, "#u#fake", ["#u#fake"]))

    @unittest.skipUnless(hasattr(signal, "setitimer"), "no timers here")
    def test_signals(self):
        """A handler that raises loses nothing; one that closes ends the receiver that it interrupts."""

        class Interrupted(Exception):
            pass

        def interrupt(*_):
            raise Interrupted

        client, peer = self.pair()
        self.addCleanup(signal.signal, signal.SIGALRM, signal.signal(signal.SIGALRM, interrupt))
        peer.sendall(data(b"x")[:60])
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with self.assertRaises(Interrupted):
            client.receive()
        peer.sendall(data(b"x")[60:])
        self.assertEqual(client.receive(20).data, b"x")
        signal.signal(signal.SIGALRM, lambda *_: client.close(linger=0.05))
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with self.assertRaises(gospread.ConnectionClosed):
            client.receive()


def arrived(client, size):
    """Wait until so many bytes are there to be read."""
    client._sock.recv(size, socket.MSG_PEEK | socket.MSG_WAITALL)


if __name__ == "__main__":
    unittest.main()
