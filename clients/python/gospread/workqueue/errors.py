"""What goes wrong with work queues. Trouble with the connection is a ``gospread.SpreadError``."""

from __future__ import annotations

__all__ = [
    "Cancelled",
    "Closed",
    "Failed",
    "NoWorkers",
    "NotDone",
    "QueueFull",
    "Retry",
    "TooLarge",
    "Unknown",
    "WorkQueueError",
]


class WorkQueueError(Exception):
    """Something about a job, or the queue."""


class NoWorkers(WorkQueueError, TimeoutError):
    """Nobody has answered in time; no worker of the queue may be connected.

    Whether the job was taken is not known; to submit it again under the same id does no harm.
    """


class QueueFull(WorkQueueError):
    """There are as many jobs as the queue, or this submitter, takes."""


class Failed(WorkQueueError):
    """The job has failed for good."""


class Cancelled(WorkQueueError):
    """The job was cancelled."""


class Unknown(WorkQueueError):
    """No worker knows the job, or any more."""


class NotDone(WorkQueueError):
    """There is no result yet, or nobody waits for it here any more."""


class TooLarge(WorkQueueError):
    """The payload has more than ``MAX_PAYLOAD`` bytes, or the result more than the submitter takes."""


class Closed(WorkQueueError):
    """The submitter was closed."""


class Retry(Exception):
    """Raised by a handler to ask for another attempt, perhaps by another worker."""
