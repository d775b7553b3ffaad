"""The client for asyncio.

    import asyncio
    from gospread import aio

    async def main():
        async with aio.connect("4803@localhost", "alice") as c:
            await c.join("chat")
            await c.multicast("chat", b"hello")
            async for event in c:
                print(event)

    asyncio.run(main())

Messages, views and errors are those of ``gospread``.
"""

from .connection import Connection, connect
from .reconnect import Reconnecting

__all__ = ["Connection", "Reconnecting", "connect"]
