"""What is known of a job."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Optional

from ._wire import Message, encode

__all__ = ["State", "Status"]


class State(str, enum.Enum):
    """What has become of a job."""

    WAITING = "waiting"
    """For a worker."""
    RUNNING = "running"
    """At a worker."""
    DONE = "done"
    """There is a result."""
    FAILED = "failed"
    """For good."""
    CANCELLED = "cancelled"
    """As somebody wished."""
    UNKNOWN = "unknown"
    """Nobody knows it, or any more."""
    REFUSED = "refused"
    """The queue was full."""


@dataclass(frozen=True)
class Status:
    """What is known of a job."""

    state: State
    position: int = 0
    """How many wait before it."""
    percent: int = 0
    """How far it is."""
    text: str = ""
    """Of the last progress, or why it failed."""
    on: str = ""
    """The private group of the worker that does it."""
    attempt: int = 0
    """How often it was given to a worker."""
    size: int = 0
    """Bytes of its result."""


def status_of(m: Message, state: Optional[State] = None, on: str = "") -> Status:
    """What a message tells; of progress, the state and the worker come from elsewhere."""
    if state is None:
        try:
            state = State(m.get("state"))
        except ValueError:
            state = State.WAITING  # of a worker newer than this: not ended, as far as we know
    numbers = {k: m.number(k, 0) or 0 for k in ("position", "percent", "attempt", "size")}
    text = encode(m.get("text")).decode("utf-8", "replace")
    return Status(state, text=text, on=on or m.get("on"), **numbers)
