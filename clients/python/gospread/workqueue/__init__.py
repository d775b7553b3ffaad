"""Jobs that any number of workers do, on any number of machines; results come back.

    from gospread.workqueue import Worker

    def render(task):
        task.progress(10, "reading")
        return task.payload.upper()

    Worker("4803", "reports", render).run()

and somewhere else

    from gospread.workqueue import Submitter

    with Submitter("4803", "reports") as queue:
        print(queue.submit(b"hello").result(timeout=60))

The workers of a queue are the members of a Spread group. Each holds all jobs, and all decide
alike who does which: there is no server of the queue, and nobody whose death loses a job
while one worker lives. A job is done at least once: once if no worker is lost, and given to
another if its worker is. Handlers must bear being called twice for a job. Jobs are held in
the memory of the workers: when the last one of a queue ends, what waits is lost, and
submitters that still wait for it submit it again when workers are back.

docs/workqueue.md of the repository tells all of it. The Go package and the PHP client share
the queues.
"""

from ._core import Counts
from ._status import State, Status
from ._table import Limits
from ._wire import PART_SIZE as MAX_PAYLOAD
from .errors import (
    Cancelled,
    Closed,
    Failed,
    NotDone,
    NoWorkers,
    QueueFull,
    Retry,
    TooLarge,
    Unknown,
    WorkQueueError,
)
from .submitter import Job, Submitter
from .worker import Handler, Task, Worker

__all__ = [
    "MAX_PAYLOAD",
    "Cancelled",
    "Closed",
    "Counts",
    "Failed",
    "Handler",
    "Job",
    "Limits",
    "NoWorkers",
    "NotDone",
    "QueueFull",
    "Retry",
    "State",
    "Status",
    "Submitter",
    "Task",
    "TooLarge",
    "Unknown",
    "WorkQueueError",
    "Worker",
]
