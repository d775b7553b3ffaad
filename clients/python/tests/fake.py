"""A daemon that the tests play themselves, and what it sends."""

import socket
import struct
import unittest
from concurrent.futures import ThreadPoolExecutor

import gospread

SERVICE, REG_MEMB, TRANSITION, REJECT = 0x10, 0x1000, 0x2000, 0x400000


def name(text):
    return text.encode("latin-1").ljust(32, b"\0")


def frame(bits, sender, groups=(), data=b"", *, order="<", hint_order=None, type=0, num_groups=None, data_len=None, old=None):
    """A message as a daemon of the given byte order sends it; num_groups and data_len lie."""
    hint_order = hint_order or order
    marker = {"<": 0x80000080, ">": 0}
    head = struct.pack(order + "I", bits | marker[order]) + name(sender)
    head += struct.pack(order + "i", len(groups) if num_groups is None else num_groups)
    head += struct.pack(hint_order + "I", (type & 0xFFFF) << 8 | marker[hint_order])
    head += struct.pack(order + "i", len(data) if data_len is None else data_len)
    if old is not None:
        head += struct.pack(order + "I", old | marker[order])
    return head + b"".join(map(name, groups)) + data


def body(sets, own=0, *, id=(1, 2, 3), order="<", old=False):
    """The body of a view: own is an index, or an offset if negative."""
    packed = [struct.pack(order + "i", len(s)) + b"".join(map(name, s)) for s in sets]
    offset = -own if own < 0 else sum(map(len, packed[:own]))
    head = struct.pack(order + "iii", *id)
    if old:
        return head + packed[own]
    return head + struct.pack(order + "ii", len(sets), offset) + b"".join(packed)


class Daemon:
    """Listens on loopback; the test plays what it says."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(20)
        self.address = f"{self._listener.getsockname()[1]}@127.0.0.1"

    def accept(self):
        peer, _ = self._listener.accept()
        peer.settimeout(20)
        return peer

    def shake(self, version=(5, 0, 1), private=b"#u#fake"):
        """Accept a client and let it in, with replies of single bytes."""
        peer = self.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        hello = peer.recv(4 + 1 + 10)
        assert hello[:3] == b"\5\0\1", hello
        trickle(peer, b"\5NULL ")
        choice = exactly(peer, 90)
        assert choice == b"NULL".ljust(90, b"\0"), choice
        trickle(peer, bytes((1, *version, len(private))) + private)
        return peer

    def close(self):
        self._listener.close()


def trickle(peer, data):
    for i in range(len(data)):
        peer.sendall(data[i : i + 1])


def exactly(peer, size):
    data = b""
    while len(data) < size:
        more = peer.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


class FakeTest(unittest.TestCase):
    """Has a fake daemon and threads."""

    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.close)
        self.pool = ThreadPoolExecutor()
        self.addCleanup(self.pool.shutdown)

    def pair(self, **how):
        """A client and the daemon's end of its connection."""
        peer = self.pool.submit(self.daemon.shake, **how)
        client = gospread.connect(self.daemon.address, "u", timeout=20)
        self.addCleanup(client.abort)
        self.addCleanup(peer.result().close)
        return client, peer.result()


