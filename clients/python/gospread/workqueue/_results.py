"""Results that come in pieces."""

from __future__ import annotations

from typing import Dict, List

from ._wire import Message
from .errors import TooLarge


class Incomplete(Exception):
    """Pieces are missing."""


class Parts:
    """The pieces of a result, from each who sends some; most: bytes of them all."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: Dict[str, List[bytes]] = {}
        self._size = 0

    def clear(self) -> None:
        self._of.clear()
        self._size = 0

    def add(self, sender: str, m: Message) -> None:
        n = m.number("n", -1)
        if n == 0:
            self._drop(sender)
        have = self._of.setdefault(sender, [])
        if n == len(have) and self._size <= self._most:
            have.append(m.data)
            self._size += len(m.data)

    def _drop(self, sender: str) -> List[bytes]:
        pieces = self._of.pop(sender, [])
        self._size -= sum(map(len, pieces))
        return pieces

    def result(self, sender: str, m: Message) -> bytes:
        """The whole of it, when the message that ends it has come. Raises ``Incomplete``, ``TooLarge``."""
        size, parts = m.number("size", -1), m.number("parts", 0)
        if size is None or parts is None:
            raise Incomplete
        if size > self._most:
            raise TooLarge(f"the result has {size} bytes, this submitter takes {self._most}")
        pieces = [m.data] if parts == 0 else self._of.get(sender, [])
        if sum(map(len, pieces)) != size or (parts > 0 and parts != len(pieces)):
            raise Incomplete
        if parts > 0:
            self._drop(sender)
        return b"".join(pieces)
