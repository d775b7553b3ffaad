"""The conformance driver: JSON lines on standard input, one answer each on standard output."""

import base64
import hashlib
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import gospread  # noqa: E402

FEATURES = ["unix", "poll", "threads", "async"]


class Driver:
    """Holds the connections, by the runner's keys. Each method is the operation of its name."""

    def __init__(self):
        self.connections = {}

    def answer(self, request):
        op = request.pop("op")
        method = getattr(self, "op_" + op, None)
        if method is None:
            return {"ok": False, "error": "unsupported", "reason": f"this driver knows no {op}"}
        try:
            return {"ok": True, **(method(**request) or {})}
        except TimeoutError:
            return {"ok": False, "error": "timeout"}
        except gospread.SpreadError as e:
            return {"ok": False, "error": int(e.code), "text": e.text}

    def op_hello(self):
        return {"language": "python", "client": gospread.__version__, "features": FEATURES}

    def op_connect(self, c, daemon, name="", membership=True, priority=False, timeout_ms=5000):
        connection = gospread.connect(
            unlatin(daemon), unlatin(name), membership=membership, priority=priority, timeout=timeout_ms / 1000
        )
        self.connections[c] = connection
        return {"private_group": latin(connection.private_group), "daemon_version": connection.daemon_version}

    def op_join(self, c, group):
        self.connections[c].join(unlatin(group))

    def op_leave(self, c, group):
        self.connections[c].leave(unlatin(group))

    def op_multicast(self, c, service, groups, type=0, data_b64="", self_discard=False, repeat=1):
        data = base64.b64decode(data_b64)
        names = [unlatin(g) for g in groups]
        sent = 0
        for _ in range(repeat):
            sent += self.connections[c].multicast(
                names, data, service=gospread.Service[service.upper()], type=type, self_discard=self_discard
            )
        return {"sent": sent}

    def op_receive(self, c, timeout_ms=2000):
        return {"message": describe(self.connections[c].receive(timeout_ms / 1000))}

    def op_receive_into(self, **_):
        raise Unsupported("receivers own no buffers in Python")

    def op_drain(self, c, count, timeout_ms=10000):
        connection = self.connections[c]
        digest, size, n = hashlib.sha256(), 0, 0
        begin = time.monotonic()
        deadline = begin + timeout_ms / 1000
        while n < count:
            event = connection.receive(deadline - time.monotonic())
            if isinstance(event, gospread.Message):
                n += 1
                size += len(event.data)
                digest.update(unlatin(latin(event.sender)) + b"\0" + event.data)
        return {"count": n, "bytes": size, "seconds": time.monotonic() - begin, "digest": digest.hexdigest()}

    def op_poll(self, c):
        return {"bytes": self.connections[c].poll()}

    def op_disconnect(self, c):
        self.connections.pop(c).close()

    def op_abort(self, c):
        self.connections.pop(c).abort()

    def op_stall(self, c):
        pass  # nothing is read but in receive

    op_resume = op_stall

    def op_exit(self):
        for connection in self.connections.values():
            connection.abort()


class Unsupported(Exception):
    """What this language has no use for."""


def latin(name):
    """The runner's form of a name: each byte is a character of Latin-1."""
    return name.encode("utf-8", "surrogateescape").decode("latin-1")


def unlatin(name):
    return name.encode("latin-1")


def describe(event):
    if isinstance(event, gospread.Message):
        return {"kind": "regular", **regular(event)}
    if isinstance(event, gospread.Rejected):
        return {"kind": "reject", **regular(event.message), "old_type": event.old_type}
    if isinstance(event, gospread.SelfLeave):
        return {"kind": "self_leave", "group": latin(event.group)}
    id = [event.id.daemon, event.id.time, event.id.index]
    if isinstance(event, gospread.Transition):
        return {"kind": "transition", "group": latin(event.group), "id": id}
    view = {
        "kind": "membership",
        "group": latin(event.group),
        "cause": event.cause.name.lower(),
        "members": [latin(m) for m in event.members],
        "id": id,
        "sets": [[latin(m) for m in s] for s in event.sets],
        "own_set": event.own_set,
    }
    if event.changed is not None:
        view["changed"] = latin(event.changed)
    return view


def regular(message):
    return {
        "service": message.service.name.lower() if message.service else "",
        "sender": latin(message.sender),
        "groups": [latin(g) for g in message.groups],
        "type": message.type,
        "data_b64": base64.b64encode(message.data).decode(),
        "endian_mismatch": message.endian_mismatch,
        "self_discard": message.self_discard,
    }


def main():
    driver = Driver()
    for line in sys.stdin:
        request = json.loads(line)
        op = request["op"]
        try:
            answer = driver.answer(request)
        except Unsupported as e:
            answer = {"ok": False, "error": "unsupported", "reason": str(e)}
        print(json.dumps(answer), flush=True)
        if op == "exit":
            return


if __name__ == "__main__":
    main()
