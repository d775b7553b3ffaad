"""The codec, on recorded and on damaged bytes."""

import json
import pathlib
import random
import unittest
from collections import defaultdict, deque

import gospread
from gospread import Cause, Message, Request, Service, View, ViewId
from gospread.protocol import Decoder, Encoder

from .fake import REG_MEMB, REJECT, SERVICE, TRANSITION, body, frame, name

VECTORS = pathlib.Path(__file__).resolve().parents[3] / "testdata" / "vectors.json"


def decode(*pieces, private=b"#u#fake", version=(5, 0, 1)):
    """All events, and the error."""
    decoder = Decoder(private, version)
    events = deque()
    for piece in pieces:
        decoder.feed(piece, events)
    return [e for e, _ in events], decoder.error


@unittest.skipUnless(VECTORS.exists(), "the recorded vectors are in the repository only")
class Vectors(unittest.TestCase):
    """What the original daemons and clients were seen to send."""

    def setUp(self):
        self.streams = defaultdict(list)  # (scenario, session, direction) -> bytes
        for v in json.loads(VECTORS.read_text()):
            data = bytes.fromhex(v["hex"])
            is_message = len(data) >= 48 and data[:4] != b"NULL" and data[0] & 0x80 == data[3] & 0x80
            if is_message and not v["scenario"].startswith(("handshake", "auth")):
                self.streams[v["scenario"], v["session"], v["direction"]].append(data)

    def test_any_pieces_give_the_same_events(self):
        rnd = random.Random(1)
        seen = set()
        for (scenario, _, direction), messages in self.streams.items():
            if direction != "D>C":
                continue
            version = (3, 17, 3) if scenario.startswith("v3") else (5, 0, 1)
            stream = b"".join(messages)
            whole, error = decode(stream, version=version)
            self.assertIsNone(error, scenario)
            self.assertEqual(len(whole), len(messages), scenario)
            single, _ = decode(*[stream[i : i + 1] for i in range(len(stream))], version=version)
            self.assertEqual(single, whole, scenario)
            cuts = sorted(rnd.randrange(len(stream)) for _ in range(5))
            cut, _ = decode(*[stream[a:b] for a, b in zip([0] + cuts, cuts + [len(stream)])], version=version)
            self.assertEqual(cut, whole, scenario)
            seen.update(type(e) for e in whole)
        self.assertEqual(seen, {Message, View, gospread.Transition, gospread.SelfLeave, gospread.Rejected})

    def test_we_send_what_the_original_sends(self):
        """Recorded messages, taken apart and made again, are the same bytes."""
        made = 0
        for (scenario, _, direction), messages in self.streams.items():
            for data in messages:
                word = int.from_bytes(data[:4], "little")
                if direction != "C>D" or data[0] < 0x80:
                    continue
                encoder = Encoder(data[4:36].rstrip(b"\0"))
                (event,), error = decode(data)
                self.assertIsNone(error, scenario)
                target = event.groups[0] if event.groups else ""
                if word & 0x10000:
                    again = encoder.join(target)
                elif word & 0x20000:
                    again = encoder.leave(target)
                elif word & 0x40000:
                    again = encoder.kill()
                elif target and event.service and not event.flags and bin(word & 0x3F).count("1") == 1:
                    again = encoder.head(
                        event.groups, len(event.data), event.service, event.type, event.self_discard
                    )
                    again += event.data
                else:
                    continue
                self.assertEqual(again, data, scenario)
                made += 1
        self.assertGreater(made, 30)

    def test_partition_and_merge(self):
        """The own set is told by the offset."""
        for session, own in (("la", 0), ("ra", 1)):
            events, _ = decode(*self.streams["network-partition-merge", session, "D>C"], private=b"#%s#x" % session.encode())
            merged = [e for e in events if isinstance(e, View) and e.cause is Cause.NETWORK][-1]
            self.assertEqual(merged.sets, (("#la#left", "#lb#left"), ("#ra#right", "#rb#right")))
            self.assertEqual(merged.own_set, own)
            self.assertIn(f"#{session}#{'left' if own == 0 else 'right'}", merged.came_along)
            self.assertIsNone(merged.changed)

    def test_old_views(self):
        events, _ = decode(*self.streams["v3-join-leave", "alice", "D>C"], version=(3, 17, 3))
        last = events[-1]
        self.assertEqual((last.cause, last.changed, last.own_set), (Cause.LEAVE, "#bob#localhost", 0))


class Decoding(unittest.TestCase):
    def one(self, data, **how):
        events, error = decode(data, **how)
        self.assertIsNone(error)
        (event,) = events
        return event

    def test_message_of_both_orders(self):
        """The header's order and that of the hint are independent of each other."""
        for order in "<>":
            for hint_order in "<>":
                for type in (0, 1, 0x1234, -1, -2, 0x7FFF, -0x8000, 0x80):
                    m = self.one(frame(SERVICE, "#a#b", ["g"], b"x", order=order, hint_order=hint_order, type=type))
                    self.assertEqual(m.type, type)
                    self.assertEqual(m.endian_mismatch, hint_order != ("<" if gospread.protocol._NATIVE_LITTLE else ">"))
                    self.assertEqual((m.sender, m.groups, m.data, m.service), ("#a#b", ("g",), b"x", Service.AGREED))

    def test_view_of_the_other_order(self):
        for order in "<>":
            v = self.one(
                frame(
                    REG_MEMB | Cause.NETWORK,
                    "g",
                    ["#a#d", "#u#fake"],
                    body([["#a#d"], [], ["#u#fake"]], 2, id=(-5, 7, 1), order=order),
                    order=order,
                )
            )
            self.assertEqual(v.id, ViewId(-5, 7, 1))
            self.assertEqual((v.sets, v.own_set, v.index), ((("#a#d",), (), ("#u#fake",)), 2, 1))
            t = self.one(frame(TRANSITION, "g", (), body([])[:12] if order == "<" else body([], order=">")[:12], order=order))
            self.assertEqual(t.id, ViewId(1, 2, 3))

    def test_reject_gives_back_the_request(self):
        for order in "<>":
            r = self.one(frame(REJECT, "#u#fake", ["g", "#u#fake"], b"abc", order=order, type=9, old=0x44))
            self.assertEqual((r.request, r.message.service, r.message.groups), (Request.MULTICAST, Service.FIFO, ("g",)))
            self.assertEqual((r.message.data, r.message.type, r.message.self_discard), (b"abc", 9, True))
        r = self.one(frame(REJECT, "#u#fake", ["g", "#u#fake"], old=Cause.JOIN))
        self.assertEqual((r.request, r.message.groups, r.message.flags), (Request.JOIN, ("g",), 0))
        self.assertEqual(self.one(frame(REJECT, "#u#fake", ["g"], old=Cause.LEAVE)).request, Request.LEAVE)

    def test_forged_membership_is_data(self):
        self.assertIsInstance(self.one(frame(0x04 | REG_MEMB | Cause.JOIN, "#a#b", ["g"], b"")), Message)

    def test_unknown_bits_are_handed_on(self):
        m = self.one(frame(0x20 | 0x40 | 0x40000000, "#a#b", ["g"]))
        self.assertEqual((m.service, m.self_discard, m.flags), (Service.SAFE, True, 0x40000000))

    def test_names_of_any_bytes_survive(self):
        raw = bytes(range(1, 32))
        for n in (raw, b"\xff\xfe", "gr\u00fc\u00df".encode()):
            m = self.one(frame(SERVICE, n.decode("latin-1"), [n.decode("latin-1")]))
            self.assertEqual(m.sender, m.groups[0])
            self.assertEqual(Encoder(b"#u#d").head(m.groups, 0, 1, 0, False)[48:], n.ljust(32, b"\0"))

    def test_junk_behind_the_zero_is_no_part_of_a_name(self):
        data = bytearray(frame(SERVICE, "#a#b", ["g"]))
        data[4 + 10] = data[48 + 10] = 0x41
        m = self.one(bytes(data))
        self.assertEqual((m.sender, m.groups), ("#a#b", ("g",)))

    def test_caches_do_not_grow(self):
        decoder, events = Decoder(b"#u#d", (5, 0, 1)), deque()
        for i in range(5000):
            decoder.feed(frame(SERVICE | (i & 0xFF) << 23 | i >> 8 << 16, f"#u{i}#d", [f"g{i}"]), events)
        self.assertEqual(len(events), 5000)
        for cache in (decoder._names, decoder._groups, decoder._words):
            self.assertLessEqual(len(cache), 1000)
        encoder = Encoder(b"#u#d")
        for i in range(5000):
            encoder.head(f"g{i}", 0, 1, 0, False)
        self.assertLessEqual(len(encoder._names), 1000)


class Damage(unittest.TestCase):
    """A daemon that makes no sense: an error after all that came before, no crash, no memory."""

    def bad(self, data, **how):
        good = frame(SERVICE, "#a#b", ["g"], b"before")
        for pieces in ((good + data,), (good, *[data[i : i + 1] for i in range(len(data))])):
            events, error = decode(*pieces, **how)
            self.assertEqual([e.data for e in events], [b"before"])
            self.assertIsInstance(error, gospread.ProtocolError)
            self.assertEqual(error.code, gospread.ErrorCode.ILLEGAL_MESSAGE)

    def test_headers(self):
        self.bad(frame(SERVICE, "#a#b", data_len=-1))
        self.bad(frame(SERVICE, "#a#b", num_groups=-1))
        self.bad(frame(SERVICE, "#a#b", num_groups=101))
        self.bad(frame(SERVICE, "#a#b", data_len=144001))
        self.bad(frame(REG_MEMB | Cause.JOIN, "g", data_len=0x7FFFFFFF))
        self.bad(frame(REG_MEMB | Cause.JOIN, "g", num_groups=0x7FFFFFFF))
        self.bad(frame(REG_MEMB | Cause.JOIN, "g", data_len=(8 << 20) - 47))
        self.bad(b"\x80" + frame(SERVICE, "#a#b", order=">")[1:])

    def test_bodies(self):
        join = REG_MEMB | Cause.JOIN
        good = body([["#u#fake"]])
        for cut in range(len(good)):
            self.bad(frame(join, "g", ["#u#fake"], good[:cut]))
        self.bad(frame(join, "g", ["#u#fake"], good[:12] + b"\xff\xff\xff\x7f" + good[16:]))  # sets
        self.bad(frame(join, "g", ["#u#fake"], good[:20] + b"\xff\xff\xff\xff" + good[24:]))  # members
        self.bad(frame(join, "g", ["#u#fake"], body([["#u#fake"]], -4)))  # own set
        self.bad(frame(join, "g", ["#u#fake"], body([])))
        self.bad(frame(REG_MEMB, "g", ["#u#fake"], good))
        self.bad(frame(REG_MEMB | Cause.JOIN | Cause.LEAVE, "g", ["#u#fake"], good))
        self.bad(frame(join, "g", ["#u#fake"], good[:15]), version=(3, 17, 3))
        self.bad(frame(TRANSITION, "g", (), b"12345678901"))

    def test_random_bytes(self):
        rnd = random.Random(2)
        seed = frame(REG_MEMB | Cause.NETWORK, "g", ["#a#d", "#u#fake"], body([["#a#d"], ["#u#fake"]], 1))
        seed += frame(REJECT, "#u#fake", ["g"], b"x", old=0x10) + frame(SERVICE, "#a#d", ["g", "h"], b"data")
        for _ in range(3000):
            data = bytearray(seed)
            for _ in range(rnd.randrange(1, 8)):
                data[rnd.randrange(len(data))] = rnd.choice((0, 1, 0x7F, 0x80, 0xFF, rnd.randrange(256)))
            decode(bytes(data))

    def test_long_messages_come_in_linear_time(self):
        """A message of many pieces is put together once, not at every piece."""
        decoder, events = Decoder(b"#u#d", (5, 0, 1)), deque()
        data = frame(SERVICE, "#a#b", ["g"], bytes(140000))
        for i in range(0, len(data), 7):
            decoder.feed(data[i : i + 7], events)
        self.assertEqual(len(events[0][0].data), 140000)


class Encoding(unittest.TestCase):
    def setUp(self):
        self.encoder = Encoder(b"#u#d")

    def refused(self, code, *args):
        with self.assertRaises(gospread.InvalidArgument) as caught:
            self.encoder.head(*args)
        self.assertEqual(caught.exception.code, code)

    def test_what_would_cost_the_session(self):
        E = gospread.ErrorCode
        for service in (0, 3, 0x40, 0x1000, -1):
            self.refused(E.ILLEGAL_SERVICE, "g", 0, service, 0, False)
        for group in ("", "x" * 32, b"a\0b", "\u00fc" * 16):
            self.refused(E.ILLEGAL_GROUP, group, 0, 1, 0, False)
        self.refused(E.ILLEGAL_GROUP, [], 0, 1, 0, False)
        self.refused(E.ILLEGAL_GROUP, ["g"] * 101, 0, 1, 0, False)
        self.refused(E.MESSAGE_TOO_LONG, "g", 143952 - 31, 1, 0, False)
        self.encoder.head("g", 143952 - 32, 1, 0, False)
        for type in (-32769, 32768):
            self.refused(E.ILLEGAL_MESSAGE, "g", 0, 1, type, False)

    def test_groups_to_join(self):
        for group in ("", "x" * 32, "a b", "#a#b", "\u00fc", b"\x80", "a\n"):
            with self.assertRaises(gospread.InvalidArgument, msg=repr(group)) as caught:
                self.encoder.join(group)
            self.assertEqual(caught.exception.code, gospread.ErrorCode.ILLEGAL_GROUP)
        self.assertEqual(self.encoder.join(b"x" * 31)[48:], b"x" * 31 + b"\0")
        with self.assertRaises(TypeError):
            self.encoder.join(7)

    def test_names_are_padded(self):
        self.assertEqual(self.encoder.head(["g", b"h"], 0, 1, 0, False)[48:], name("g") + name("h"))


if __name__ == "__main__":
    unittest.main()
