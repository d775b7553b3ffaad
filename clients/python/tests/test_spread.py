"""The classic module: old programs, and what they rely on."""

import os
import pathlib
import subprocess
import sys
import unittest

import gospread
import spread

from .daemon import ADDRESS, needs_daemon
from .fake import REG_MEMB, REJECT, TRANSITION, FakeTest, body, exactly, frame

HERE = pathlib.Path(__file__).resolve().parent

OUTPUT = {
    "chat": "private group is #chatter#{daemon}\njoined: #chatter#{daemon} of 1\n5 bytes\n"
    "#chatter#{daemon} -> oldchat (7, 0): b'hello'\nleft oldchat\n",
    "star": "True True\nTrue True True\nTrue True True\nTrue False\n4\n"
    "True True ('stara', 'starb') b'both' 0\nTrue\nTrue\nTrue\nTrue 4803\n",
    "selecting": "True 0\n1000\n",
    "threaded": "51\n",
    "bytes_api": "True\nb'oldbytes' True True\nTrue (b'oldbytes',) b'\\x00\\xff'\n",
}


def run(script, **environment):
    env = {**os.environ, "PYTHONPATH": str(HERE.parent), **environment}
    done = subprocess.run(
        [sys.executable, HERE / "scripts" / f"{script}.py", ADDRESS], env=env, stdout=subprocess.PIPE, text=True, timeout=60
    )
    return done.returncode, done.stdout


@needs_daemon
class Scripts(unittest.TestCase):
    """Programs written for the original run unchanged."""

    def test_output(self):
        with gospread.connect(ADDRESS) as c:
            daemon = c.daemon
        for script, want in OUTPUT.items():
            with self.subTest(script):
                self.assertEqual(run(script), (0, want.replace("{daemon}", daemon)))

    def test_payloads_as_text(self):
        status, output = run("chat", SPREAD_ENCODING="utf-8")
        self.assertEqual(status, 0)
        self.assertIn("'hello'", output)
        self.assertNotIn("b'", output)


class Surface(unittest.TestCase):
    def test_names(self):
        for n in """connect version error SpreadError MailboxType RegularMsgType MembershipMsgType
            LOW_PRIORITY MEDIUM_PRIORITY HIGH_PRIORITY DEFAULT_SPREAD_PORT SPREAD_VERSION MAX_GROUP_NAME
            MAX_PRIVATE_NAME MAX_PROC_NAME UNRELIABLE_MESS RELIABLE_MESS FIFO_MESS CAUSAL_MESS AGREED_MESS SAFE_MESS
            REGULAR_MESS SELF_DISCARD DROP_RECV REG_MEMB_MESS TRANSITION_MESS CAUSED_BY_JOIN CAUSED_BY_LEAVE
            CAUSED_BY_DISCONNECT CAUSED_BY_NETWORK MEMBERSHIP_MESS ENDIAN_RESERVED RESERVED REJECT_MESS ACCEPT_SESSION
            ILLEGAL_SPREAD COULD_NOT_CONNECT REJECT_QUOTA REJECT_NO_NAME REJECT_ILLEGAL_NAME REJECT_NOT_UNIQUE
            REJECT_VERSION CONNECTION_CLOSED REJECT_AUTH ILLEGAL_SESSION ILLEGAL_SERVICE ILLEGAL_MESSAGE ILLEGAL_GROUP
            BUFFER_TOO_SHORT GROUPS_TOO_SHORT MESSAGE_TOO_LONG DEFAULT_BUFFER_SIZE DEFAULT_GROUPS_SIZE""".split():
            self.assertTrue(hasattr(spread, n), n)
        self.assertIs(spread.error, spread.SpreadError)

    def test_errors_are_number_and_text(self):
        with self.assertRaises(spread.error) as caught:
            spread.connect("nonsense")
        number, text = caught.exception.args
        self.assertEqual(number, spread.ILLEGAL_SPREAD)
        self.assertIn("nonsense", text)


class Mailbox(FakeTest):
    def mailbox(self, name="u", **how):
        peer = self.pool.submit(self.daemon.shake)
        mbox = spread.connect(self.daemon.address, name, **how)
        self.addCleanup(peer.result().close)
        self.addCleanup(mbox._connection.abort)
        return mbox, peer.result()

    def test_memberships(self):
        mbox, peer = self.mailbox()
        network = frame(REG_MEMB | 0x800, "g", ["#a#b", "#u#fake"], body([["#a#b"], ["#u#fake"]], 1))
        peer.sendall(network + frame(TRANSITION, "g", (), body([])[:12]) + frame(0x200, "g"))
        m = mbox.receive()
        self.assertEqual((m.reason, m.msg_subtype), (spread.CAUSED_BY_NETWORK, spread.REG_MEMB_MESS))
        self.assertEqual((m.members, m.extra, m.changed_member), (("#a#b", "#u#fake"), ("#u#fake",), None))
        id = m.group_id
        m = mbox.receive()
        self.assertEqual((m.reason, m.msg_subtype, m.group_id), (0, spread.TRANSITION_MESS, id))
        self.assertEqual((m.members, m.extra, m.changed_member), ((), (), None))
        m = mbox.receive()
        self.assertEqual((m.reason, m.members, m.extra, m.group), (spread.CAUSED_BY_LEAVE, (), (), "g"))

    def test_rejects(self):
        mbox, peer = self.mailbox()
        peer.sendall(frame(REJECT, "#u#fake", ["g", "#u#fake"], b"x", old=0x44) + frame(REJECT, "#u#fake", ["g"], old=0x100))
        m = mbox.receive()
        self.assertIsInstance(m, spread.RejectedMsgType)
        self.assertEqual(m.service_type, spread.REJECT_MESS | spread.FIFO_MESS | spread.SELF_DISCARD)
        self.assertEqual(mbox.receive().service_type, spread.REJECT_MESS | spread.CAUSED_BY_JOIN)

    def test_names_are_what_the_program_speaks(self):
        mbox, peer = self.mailbox(name="muchtoolongname")
        self.assertEqual(mbox.private_group, "#u#fake")
        mbox.join(b"g")
        self.assertEqual(mbox.private_group, b"#u#fake")
        exactly(peer, 80)
        mbox.multicast(spread.FIFO_MESS, b"g", "\u00fc")
        self.assertEqual(exactly(peer, 82)[80:], "\u00fc".encode())

    def test_what_is_too_large_is_cut(self):
        mbox, peer = self.mailbox()
        self.assertEqual(mbox.multicast(spread.FIFO_MESS, "g" * 40, b"", 0x18000), 0)
        sent = exactly(peer, 80)
        self.assertEqual(sent[48:], b"g" * 31 + b"\0")
        self.assertEqual(int.from_bytes(sent[40:44], sys.byteorder) >> 8 & 0xFFFF, 0x8000)

    def test_a_lost_connection(self):
        mbox, peer = self.mailbox()
        peer.close()
        for call in (mbox.receive, mbox.receive, mbox.poll):
            with self.assertRaises(spread.error) as caught:
                call()
            self.assertEqual(caught.exception.args[0], spread.CONNECTION_CLOSED)
        mbox.disconnect()
        with self.assertRaises(spread.error) as caught:
            mbox.disconnect()
        self.assertEqual(caught.exception.args[0], spread.ILLEGAL_SESSION)


if __name__ == "__main__":
    unittest.main()
