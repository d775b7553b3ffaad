"""An SQLite database as a replicated state: every node executes the same statements in the same order."""

import hashlib
import json
import os
import sqlite3
from typing import Any, List, Sequence, Tuple

Statement = Tuple[str, Sequence[Any]]

# What depends on the moment or on the connection would differ from node to node.
FORBIDDEN_FUNCTIONS = frozenset(
    "random randomblob date time datetime julianday unixepoch strftime timediff current_date current_time"
    " current_timestamp changes total_changes last_insert_rowid sqlite_version sqlite_source_id load_extension"
    " sqlite_compileoption_get sqlite_compileoption_used sqlite_offset".split()
)
FORBIDDEN_ACTIONS = frozenset(
    (
        sqlite3.SQLITE_CREATE_TEMP_INDEX,
        sqlite3.SQLITE_CREATE_TEMP_TABLE,
        sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
        sqlite3.SQLITE_CREATE_TEMP_VIEW,
        sqlite3.SQLITE_PRAGMA,
        sqlite3.SQLITE_TRANSACTION,
        sqlite3.SQLITE_SAVEPOINT,
        sqlite3.SQLITE_ATTACH,
        sqlite3.SQLITE_DETACH,
        sqlite3.SQLITE_CREATE_VTABLE,
    )
)
MOST_ROWS = 1000
MOST_STEPS = 50_000_000  # of SQLite's machine in a statement; counted alike by all nodes


def _refuse(*_: Any) -> None:
    raise ValueError("it would differ from node to node")


def encode(statements: Sequence[Statement]) -> bytes:
    """The update that executes the statements, all of them or none."""
    return json.dumps(statements, separators=(",", ":")).encode()


class Database:
    """The state of a node. The file is made anew at each start, from what the replica keeps."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._guarded = False
        self._steps = 0
        self._open(b"")

    def _open(self, content: bytes) -> None:
        with open(self.path + ".new", "wb") as f:
            f.write(content)
        os.replace(self.path + ".new", self.path)
        # No cache of statements, so that each is looked at by _authorize.
        self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, cached_statements=0)
        for pragma in ("foreign_keys = ON", "synchronous = OFF", "journal_mode = MEMORY"):
            self._db.execute("PRAGMA " + pragma)
        for name in FORBIDDEN_FUNCTIONS:  # the authorizer does not see all, such as a DEFAULT CURRENT_TIMESTAMP
            self._db.create_function(name, -1, _refuse)
        self._db.set_authorizer(self._authorize)
        self._db.set_progress_handler(self._step, 1000)

    # What a replicated state has to do

    def apply(self, update: Any) -> bytes:
        """Execute the statements of an update, all of them or none."""
        try:
            result = self._execute(json.loads(update.data))
        except (sqlite3.Error, sqlite3.Warning, ValueError, TypeError, OverflowError) as e:
            result = {"error": str(e)}
        return json.dumps(result).encode()

    def snapshot(self) -> bytes:
        """The bytes of the file: nothing is under way."""
        with open(self.path, "rb") as f:
            return f.read()

    def restore(self, snapshot: bytes) -> None:
        self._db.close()
        self._open(snapshot)

    def _execute(self, statements: List[Statement]) -> Any:
        rows: List[Any] = []
        changes = 0
        self._db.execute("BEGIN")
        try:
            for sql, values in statements:
                self._guarded, self._steps = True, 0
                try:
                    cursor = self._db.execute(sql, values)
                    rows = [list(row) for row in cursor.fetchmany(MOST_ROWS)]
                    changes += max(cursor.rowcount, 0)
                    cursor.close()
                    json.dumps(rows)  # what cannot be told is no result
                finally:
                    self._guarded = False
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return {"changes": changes, "rows": rows}

    def _authorize(self, action: int, one: Any, two: Any, database: Any, cause: Any) -> int:
        if not self._guarded:
            return sqlite3.SQLITE_OK
        function = action == sqlite3.SQLITE_FUNCTION and str(two).lower() in FORBIDDEN_FUNCTIONS
        return sqlite3.SQLITE_DENY if function or action in FORBIDDEN_ACTIONS else sqlite3.SQLITE_OK

    def _step(self) -> int:
        self._steps += 1000
        return int(self._guarded and self._steps > MOST_STEPS)

    # What reads

    def query(self, sql: str) -> List[Any]:
        """The rows of a statement that changes nothing."""
        db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        try:
            steps = iter(range(MOST_STEPS // 1000))
            db.set_progress_handler(lambda: next(steps, None) is None, 1000)
            return db.execute(sql).fetchmany(MOST_ROWS)
        finally:
            db.close()

    def digest(self) -> str:
        """A hash of all that the database holds: schema and rows, as SQL."""
        h = hashlib.sha256()
        for line in self._db.iterdump():
            h.update(line.encode() + b"\n")
        return h.hexdigest()
