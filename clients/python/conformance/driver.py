"""The conformance driver: JSON lines on standard input, one answer each on standard output."""

import base64
import hashlib
import json
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import gospread  # noqa: E402

SERVICES = {s.name.lower(): s for s in gospread.Service}
FEATURES = ["unix", "poll", "threads", "any_group", "unix_path", "name_free", "auth"]


class Driver:
    """Holds the connections, by the runner's keys. Each method is the operation of its name."""

    def __init__(self):
        self.connections = {}

    def answer(self, op, request):
        method = getattr(self, "op_" + op, None)
        if method is None:
            return {"ok": False, "error": "unsupported", "reason": f"this driver knows no {op}"}
        if "c" in request and op != "connect":
            if request["c"] not in self.connections:
                return {"ok": False, "error": int(gospread.ErrorCode.ILLEGAL_SESSION), "text": "no such connection"}
            request["c"] = self.connections[request["c"]]
        try:
            return {"ok": True, **(method(**request) or {})}
        except (TimeoutError, gospread.SpreadError) as e:
            return failure(e)

    def op_hello(self):
        return {"language": "python", "client": gospread.__version__, "features": FEATURES}

    def op_connect(self, c, daemon, name="", membership=True, priority=False, timeout_ms=5000, auth=("NULL",)):
        connection = gospread.connect(
            unlatin(daemon),
            unlatin(name),
            membership=membership,
            priority=priority,
            timeout=timeout_ms / 1000,
            auth=auth,
        )
        self.connections[c] = connection
        return {"private_group": latin(connection.private_group), "daemon_version": connection.daemon_version}

    def op_join(self, c, group):
        c.join(unlatin(group))

    def op_leave(self, c, group):
        c.leave(unlatin(group))

    def op_multicast(self, c, service, groups, type=0, data_b64="", self_discard=False, repeat=1):
        data = base64.b64decode(data_b64)
        names = [unlatin(g) for g in groups]
        sent = 0
        for _ in range(repeat):
            sent += c.multicast(
                names, data, service=SERVICES.get(service, 0), type=type, self_discard=self_discard
            )
        return {"sent": sent}

    def op_receive(self, c, timeout_ms=2000):
        return {"message": describe(c.receive(timeout_ms / 1000))}

    def op_receive_into(self, **_):
        return {"ok": False, "error": "unsupported", "reason": "receivers own no buffers in Python"}

    def op_drain(self, c, count, timeout_ms=30000):
        digest, size, n = hashlib.sha256(), 0, 0
        deadline = time.monotonic() + timeout_ms / 1000
        begin = end = 0.0
        failed = {}
        try:
            while n < count:
                event = c.receive(deadline - time.monotonic())
                if isinstance(event, gospread.Message):
                    n += 1
                    begin = begin or time.monotonic()
                    size += len(event.data)
                    digest.update(event.sender.encode("utf-8", "surrogateescape") + b"\0" + event.data)
            end = time.monotonic()
        except (TimeoutError, gospread.SpreadError) as e:
            failed = failure(e)
        return {"count": n, "bytes": size, "seconds": max(end - begin, 0), "digest": digest.hexdigest(), **failed}

    def op_close_wakes(self, c, timeout_ms=30000):
        woken = []

        def wait():
            try:
                while True:
                    c.receive(timeout_ms / 1000)
            except gospread.SpreadError as e:
                woken.append(int(e.code))

        receiver = threading.Thread(target=wait)
        receiver.start()
        c.close()
        receiver.join()
        return {"woken": woken[0]} if woken else {"ok": False, "error": "timeout"}

    def op_poll(self, c):
        return {"bytes": c.poll()}

    def op_disconnect(self, c):
        c.close()

    def op_abort(self, c):
        c.abort()

    def op_stall(self, c, **_):
        pass  # nothing is read but in receive

    op_resume = op_stall

    def op_exit(self):
        for c in self.connections.values():
            c.abort()


def failure(e):
    if isinstance(e, TimeoutError):
        return {"ok": False, "error": "timeout"}
    return {"ok": False, "error": int(e.code), "text": e.text}


def latin(name):
    """The runner's form of a name: each byte is a character of Latin-1."""
    return name.encode("utf-8", "surrogateescape").decode("latin-1")


def unlatin(name):
    return name.encode("latin-1")


def describe(event):
    if isinstance(event, gospread.Message):
        return {"kind": "regular", **regular(event)}
    if isinstance(event, gospread.Rejected):
        return {"kind": "reject", **regular(event.message), "request": event.request.value}
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
        op = request.pop("op")
        print(json.dumps(driver.answer(op, request)), flush=True)
        if op == "exit":
            break


if __name__ == "__main__":
    main()
