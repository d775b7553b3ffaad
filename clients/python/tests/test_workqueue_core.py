"""The core of work queues decides as the Go one does: histories that were recorded there."""

import base64
import json
import pathlib
import unittest
from typing import Any, Dict, List
from unittest import mock

from gospread.workqueue._core import Core, Effect, Outcome, Rejoin, Send, Start, Stop
from gospread.workqueue._table import Limits
from gospread.workqueue._wire import hash_of, parse

HISTORIES = pathlib.Path(__file__).parents[3] / "testdata" / "workqueue" / "histories.jsonl"


def listed(effects: List[Effect]) -> List[List[str]]:
    result = []
    for e in effects:
        if isinstance(e, Send):
            data = e.message.encode()
            result.append(["send", hash_of(data), e.message.header().decode(), *e.to])
        elif isinstance(e, Start):
            result.append(["start", e.id, str(e.attempt), str(e.limit), e.payload.decode()])
        elif isinstance(e, Stop):
            result.append(["stop", e.id, str(e.attempt), e.reason])
        else:
            assert isinstance(e, Rejoin)
            result.append(["rejoin"])
    return result


def act(core: Core, c: Dict[str, Any]) -> List[Effect]:
    data = base64.b64decode(c.get("data", ""))
    op, name, n = c["op"], c.get("name", ""), c.get("n", 0)
    if op == "connected":
        core.connected(name)
    elif op == "view":
        return core.view(name, c["members"])
    elif op == "message":
        return core.message(name, data)
    elif op == "finish":
        o = c["outcome"]
        result = base64.b64decode(o["Result"] or "")
        return core.finish(name, c["attempt"], Outcome(result, o["Failed"], o["Error"], o["Retry"], o["Cancelled"]))
    elif op == "progress":
        return core.progress(name, c["attempt"], n, data.decode())
    elif op == "capacity":
        return core.set_capacity(n)
    elif op == "skip":
        return core.skip()
    elif op == "tick":
        return core.tick()
    return []


class Histories(unittest.TestCase):
    def test_same_decisions(self) -> None:
        cores: Dict[int, Core] = {}
        lines = 0
        with open(HISTORIES, encoding="utf-8") as f:
            for lines, line in enumerate(f, 1):
                c = json.loads(line)
                if c["op"] == "new":
                    g = c["config"]
                    cores[c["core"]] = Core(
                        g["Group"], g["Worker"], g["Capacity"], Limits(*g["Limits"].values()), g["Part"]
                    )
                core = cores[c["core"]]
                with self.subTest(line=lines, op=c["op"]):
                    self.assertEqual(listed(act(core, c)), c["effects"])
                    self.assertEqual(core.table.digest(), c["digest"])
        self.assertGreater(lines, 1000)


class Exchange(unittest.TestCase):
    def test_reports_that_are_held_are_bounded(self) -> None:
        """One that does not fit is told again."""
        core = Core("wq-x", "wa", 1, Limits())
        core.connected("#a")

        def view(name: str, *members: str) -> List[Effect]:
            return core.view(name, members)

        def deliver(effects: List[Effect]) -> List[str]:
            verbs = []
            for e in effects:
                if isinstance(e, Send) and "wq-x" in e.to:
                    verbs.append(e.message.verb)
                    verbs += deliver(core.message("#a", e.message.encode()))
            return verbs

        deliver(view("1", "#a"))
        deliver(core.message("#s", b"wq1 submit\nid=j\n\nx"))
        (done,) = core.finish("j", 1, Outcome(b"result"))
        assert isinstance(done, Send)
        hello = view("2", "#a")
        with mock.patch("gospread.workqueue._core._MAX_HELD_PAYLOAD", 10):
            piece = b"wq1 part\nid=j\nworker=wx\nattempt=1\nn=0\n\n"
            core.message("#x", piece + b"123456789")
            core.message("#x", piece + b"23")
            core.message("#a", done.message.encode())
        self.assertEqual(deliver(hello), ["hello", "done"])
        self.assertEqual(core.table.jobs["j"].blob, b"result")


class Wire(unittest.TestCase):
    def test_what_is_no_message(self) -> None:
        for b in (b"", b"wq1 x", b"wq2 x\n\n", b"wq1 x\n", b"wq1 X\n\n", b"wq1 x\na\n\n", b"wq1 x\na=1\na=2\n\n",
                  b"wq1 x\nA=1\n\n", b"wq1 " + b"x" * 17 + b"\n\n", b"wq1 x\na=" + b"b" * 70000 + b"\n\n"):  # fmt: skip
            self.assertIsNone(parse(b), b)

    def test_fields(self) -> None:
        m = parse(b"wq1 x\na=1=\xff\nb=\nc=01\nd=7\n\n\ndata")
        assert m is not None
        self.assertEqual((m.verb, m.data, m.get("b"), m.get("z")), ("x", b"\ndata", "", ""))
        self.assertEqual([m.number(k, 9) for k in ("a", "b", "c", "d", "e")], [None, None, None, 7, 9])
        self.assertEqual(parse(m.encode()).encode(), m.encode())  # type: ignore[union-attr]
        empty = parse(b"wq1 x\n\nd")
        assert empty is not None
        self.assertEqual((empty.fields, empty.data), ({}, b"d"))


if __name__ == "__main__":
    unittest.main()
