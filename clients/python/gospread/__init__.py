"""Group messaging with the Spread toolkit: ordered messages and views, in pure Python.

    import gospread

    with gospread.connect("4803@localhost", "alice") as c:
        c.join("chat")
        c.multicast("chat", b"hello")
        for event in c:
            if isinstance(event, gospread.Message):
                print(event.sender, "says", event.data)
            elif isinstance(event, gospread.View):
                print(event.group, "now has the members", event.members)

``gospread.aio`` is the same for asyncio; the package ``spread`` beside this one has the
names of the classic module for old programs.
"""

from .connection import Connection, connect
from .errors import ConnectionClosed, ErrorCode, InvalidArgument, ProtocolError, Refused, SpreadError
from .events import (
    Cause,
    Event,
    Message,
    Rejected,
    Request,
    SelfLeave,
    Service,
    Transition,
    View,
    ViewId,
)

__version__ = "1.0.0"

__all__ = [
    "Cause",
    "Connection",
    "ConnectionClosed",
    "ErrorCode",
    "Event",
    "InvalidArgument",
    "Message",
    "ProtocolError",
    "Refused",
    "Rejected",
    "Request",
    "SelfLeave",
    "Service",
    "SpreadError",
    "Transition",
    "View",
    "ViewId",
    "connect",
]
