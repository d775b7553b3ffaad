"""A worker for tests: python3 worker.py DAEMON QUEUE. On each line of input it prints what its table holds."""

import logging
import sys
import threading

from gospread.workqueue import Worker


def handler(task):
    if task.payload == b"stuck":
        print("stuck", task.attempt, flush=True)
        task.stopped.wait()
        task.check()
    if task.payload.startswith(b"big"):
        return task.payload[3:] * 100_000
    return task.payload[::-1]


def tell(worker):
    for _ in sys.stdin:
        with worker._lock:
            core = worker._core
            print("digest", core.table.digest() if core.settled else "?", core.counts().workers, flush=True)
    worker.stop()


logging.basicConfig()
w = Worker(sys.argv[1], sys.argv[2], handler, capacity=2)
threading.Thread(target=tell, args=(w,), daemon=True).start()
w.run()
