#!/usr/bin/env python3
"""A node of the replicated database: reads and writes over HTTP.

    node.py --name a --of a,b,c --daemon 4803 --data DIR --listen 127.0.0.1:8001

POST /sql      one statement as text, or JSON: {"statements": [[SQL, [VALUES]], ...], "id": ID}.
               All of them are executed, or none, at all nodes. 200: done, with the rows of the last one;
               409: SQL error; 503: refused (nothing happened); 504: unknown (try again with the same id)
POST /query    a statement that changes nothing, on this node's copy; ?fresh waits until
               all is here that any node has acknowledged
GET  /status   whether this node takes writes
GET  /digest   a hash of the whole database
"""

import argparse
import json
import logging
import os
import signal
import sqlite3
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Tuple

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "clients", "python"))

from gospread.replica import Refused, Replica, ReplicaError, ResultGone, Unknown  # noqa: E402

from database import Database, encode  # noqa: E402

PATIENCE = 30.0  # seconds that a request waits
MOST_BODY = 1 << 20


class Handler(BaseHTTPRequestHandler):
    """A request to this node."""

    protocol_version = "HTTP/1.1"
    replica: Replica
    database: Database

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length") or "0"
        if not length.isdecimal() or int(length) > MOST_BODY:
            self.close_connection = True
            self.answer(413, {"error": f"a request has a length, of at most {MOST_BODY} bytes"})
            return
        body = self.rfile.read(int(length)).decode(errors="replace")
        path, _, query = self.path.partition("?")
        if path == "/sql":
            self.answer(*self.write(body))
        elif path == "/query":
            self.answer(*self.read(body, query == "fresh"))
        else:
            self.answer(404, {"error": "there are /sql, /query, /status and /digest"})

    def do_GET(self) -> None:
        if self.path == "/status":
            self.answer(200, self.replica.status._asdict())
        elif self.path == "/digest":
            try:
                self.replica.sync(PATIENCE)
            except ReplicaError as e:
                self.answer(503, {"error": str(e)})
                return
            with self.replica.reading():
                digest = self.database.digest()
            self.answer(200, {"digest": digest})
        else:
            self.answer(404, {"error": "there are /sql, /query, /status and /digest"})

    def write(self, body: str) -> Tuple[int, Any]:
        try:
            job = json.loads(body) if body.lstrip().startswith("{") else {"statements": [[body, []]]}
            data = encode([(str(sql), list(values)) for sql, values in job["statements"]])
            result = json.loads(self.replica.update(data, PATIENCE, id=str(job.get("id") or "")))
        except (ValueError, KeyError, TypeError) as e:
            return 400, {"error": f"this cannot be understood: {e}"}
        except Refused as e:
            return 503, {"error": str(e)}
        except Unknown as e:
            return 504, {"error": str(e)}
        except ResultGone as e:
            return 200, {"rows": [], "note": str(e)}
        return (409 if "error" in result else 200), result

    def read(self, sql: str, fresh: bool) -> Tuple[int, Any]:
        try:
            if fresh:
                self.replica.sync(PATIENCE)
            with self.replica.reading():
                rows = self.database.query(sql)
            json.dumps(rows)  # bytes cannot be told
            return 200, {"rows": rows}
        except (sqlite3.Error, sqlite3.Warning, TypeError) as e:
            return 409, {"error": str(e)}
        except ReplicaError as e:
            return 503, {"error": str(e)}

    def answer(self, code: int, what: Any) -> None:
        b = json.dumps(what).encode() + b"\n"
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(b)))
        self.end_headers()
        self.wfile.write(b)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100


def main() -> None:
    p = argparse.ArgumentParser(description="A node of the replicated database.")
    p.add_argument("--name", required=True, help="of this node, 1 to 10 characters")
    p.add_argument("--of", required=True, help="the names of all nodes, with commas between")
    p.add_argument("--daemon", default="4803", help="the Spread daemon: PORT or PORT@HOST")
    p.add_argument("--data", required=True, help="directory for what this node keeps")
    p.add_argument("--listen", default="127.0.0.1:8000", help="address for HTTP")
    p.add_argument("--state", default="sql", help="name of the database, if there are several")
    p.add_argument("--keep", type=int, default=10_000, help="writes that are kept for nodes that were away")
    p.add_argument("--compact", type=int, default=4 << 20, help="bytes that the store grows before it is written anew")
    a = p.parse_args()
    logging.basicConfig(format=f"node {a.name}: %(message)s", level=logging.INFO)
    os.makedirs(a.data, exist_ok=True)
    host, _, port = a.listen.rpartition(":")
    try:
        database = Database(os.path.join(a.data, "sql.db"))
    except BlockingIOError:
        sys.exit(f"node {a.name}: another process has {a.data}")
    store = os.path.join(a.data, "replica.store")
    stop = threading.Event()
    for s in (signal.SIGINT, signal.SIGTERM):
        signal.signal(s, lambda *_: stop.set())
    names = a.of.split(",")
    kept = {"store": store, "log_entries": a.keep, "compact_bytes": a.compact}
    with Replica(a.daemon, a.state, a.name, database, replicas=names, patience=5, **kept) as replica:
        Handler.replica, Handler.database = replica, database
        server = Server((host, int(port)), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"listening on {host}:{server.server_address[1]}", flush=True)
        while not stop.wait(0.2) and replica.running:
            pass


if __name__ == "__main__":
    main()
