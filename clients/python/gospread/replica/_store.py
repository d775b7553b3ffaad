"""The file of what a replica must not forget.

It begins with a line that tells what it is, and is a list of frames: length of the payload
(4 bytes, big-endian), CRC-32 of the length, CRC-32 of the payload, payload. The first frame
names the replica; the others hold records of the core, those that were persisted at a time
in one frame. So a crash can spoil the last frame only. The Go package has the same.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from typing import IO, List, Optional, Sequence, Tuple

from .errors import ReplicaError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

_MAGIC = b"gospread replica store 1\n"
_HEAD = 12
_REMOVE = "Remove it, and this replica starts with nothing and gets the state from the others"


def frame(payload: bytes) -> bytes:
    length = len(payload).to_bytes(4, "big")
    return length + zlib.crc32(length).to_bytes(4, "big") + zlib.crc32(payload).to_bytes(4, "big") + payload


class _Damaged(Exception):
    pass


def _read_frame(b: memoryview) -> Optional[bytes]:
    """The payload of the first frame. None: it is the last one, and was not written to its end."""
    if len(b) < _HEAD:
        return None
    size = int.from_bytes(b[:4], "big")
    if zlib.crc32(b[:4]) != int.from_bytes(b[4:8], "big"):
        if not b[_HEAD:].tobytes().strip(b"\0"):  # no payload is like that
            return None
        raise _Damaged("the length of a frame has a wrong checksum")
    if len(b) < _HEAD + size:
        return None
    payload = b[_HEAD : _HEAD + size].tobytes()
    if zlib.crc32(payload) != int.from_bytes(b[8:12], "big"):
        if not b[_HEAD + size :].tobytes().strip(b"\0"):
            return None
        raise _Damaged("a frame has a wrong checksum")
    return payload


class Store:
    """The file. Its methods return when what they write is on disk."""

    def __init__(self, path: str, state: str, name: str, replicas: Sequence[str]) -> None:
        about = f"state {state}\nreplica {name}\nof {' '.join(sorted(replicas))}\n".encode()
        self._path = path
        self._start = _MAGIC + frame(about)
        self._file: Optional[IO[bytes]] = None
        self._lock: IO[bytes] = open(path + ".lock", "ab")
        try:
            if fcntl is not None:
                try:
                    fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    raise ReplicaError(f"store {path}: another process has it") from None
            self.records = self._load(about)
        except BaseException:
            self.close()
            raise

    def _load(self, about: bytes) -> bytes:
        try:
            with open(self._path, "rb") as f:
                b = memoryview(f.read())
        except FileNotFoundError:
            self.replace(b"")
            return b""
        if b[: len(_MAGIC)] != _MAGIC:
            raise ReplicaError(f"store {self._path}: this is no store, or one of another version")
        at = len(_MAGIC)
        records: List[bytes] = []
        while at < len(b):
            try:
                payload = _read_frame(b[at:])
            except _Damaged as e:
                raise ReplicaError(
                    f"store {self._path}: damaged at byte {at}: {e}; what it holds cannot be trusted. {_REMOVE}"
                ) from None
            if at == len(_MAGIC):
                self._check(payload, about)
            elif payload is None:  # a write that was cut off by a crash; nobody was told of it
                break
            else:
                records.append(payload)
            at += _HEAD + len(payload or b"")
        self._reopen(at)
        return b"".join(records)

    def _check(self, payload: Optional[bytes], about: bytes) -> None:
        if payload is None:
            raise ReplicaError(f"store {self._path}: its beginning is damaged. {_REMOVE}")
        if payload != about:
            raise ReplicaError(
                f"store {self._path}: it belongs to something else:\n{payload.decode('utf-8', 'replace')}"
                f"and this is\n{about.decode()}"
            )

    def _reopen(self, at: int) -> None:
        """Open the file for appending at an offset."""
        if self._file is not None:
            self._file.close()
        self._file = open(self._path, "r+b", buffering=0)
        self._file.truncate(at)
        self._file.seek(at)
        os.fsync(self._file.fileno())

    def append(self, records: bytes) -> None:
        """Add records."""
        assert self._file is not None
        rest = memoryview(frame(records))
        while rest:
            rest = rest[self._file.write(rest) :]
        os.fsync(self._file.fileno())

    def replace(self, records: bytes) -> None:
        """Put records in place of all that were there."""
        b = self._start + (frame(records) if records else b"")
        try:
            with open(self._path + ".new", "wb") as f:
                f.write(b)
                f.flush()
                os.fsync(f.fileno())
        except OSError:  # the disk may be full
            with contextlib.suppress(OSError):
                os.remove(self._path + ".new")
            raise
        if self._file is not None:
            self._file.close()
        os.replace(self._path + ".new", self._path)
        if os.name == "posix":
            fd = os.open(os.path.dirname(os.path.abspath(self._path)), os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        self._reopen(len(b))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._lock.close()


def open_store(path: Optional[str], state: str, name: str, replicas: Sequence[str]) -> Tuple[Optional[Store], bytes]:
    """Open or make the file, and return its records."""
    if path is None:
        return None, b""
    store = Store(path, state, name, replicas)
    records, store.records = store.records, b""
    return store, records
