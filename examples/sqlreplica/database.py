"""An SQLite database as a replicated state: every node executes the same statements in the same order."""

import fcntl
import hashlib
import json
import os
import sqlite3
from typing import Any, List, Sequence, Set, Tuple

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
# What SQLite says when this node cannot go on, whatever the others can: it is no result of a statement.
TROUBLE = (
    "database is locked",
    "database or disk is full",
    "disk I/O error",
    "unable to open database file",
    "database disk image is malformed",
    "attempt to write a readonly database",
    "locking protocol",
    "out of memory",
)
LAST_ROW = 2**63 - 1  # behind it SQLite takes numbers at random
MOST_ROWS = 1000
MOST_ERROR = 500  # characters, so that a replica remembers it with the id
MOST_STEPS = 50_000_000  # of SQLite's machine in a statement; counted alike by all nodes


def _refuse(*_: Any) -> None:
    raise ValueError("it would differ from node to node")


def encode(statements: Sequence[Statement]) -> bytes:
    """The update that executes the statements, all of them or none."""
    return json.dumps(statements, separators=(",", ":")).encode()


class Database:
    """The state of a node. The file is made anew at each start, from what the replica keeps.

    Raises BlockingIOError if another process has it: that one reads its snapshots from it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = open(path + ".lock", "ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise
        self._guarded = False
        self._touched: Set[str] = set()  # tables that a transaction has written to
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
        """Execute the statements of an update, all of them or none.

        What is wrong with the update is wrong at every node, and is its result. What is wrong with this node
        is raised, and ends it: it must not go on without an update that the others have executed.
        """
        try:
            result = self._execute(json.loads(update.data))
        except (sqlite3.Error, sqlite3.Warning, ValueError, TypeError, OverflowError) as e:
            chosen = isinstance(e, sqlite3.IntegrityError)  # triggers choose the text of these
            if isinstance(e, sqlite3.DatabaseError) and not chosen and str(e).startswith(TROUBLE):
                raise
            result = {"error": str(e)[:MOST_ERROR]}
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
        self._touched.clear()
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
            self._check_rows()
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return {"changes": changes, "rows": rows}

    def _check_rows(self) -> None:
        """Refuse the last number that a row can have: the next row would get another one at each node."""
        for table in sorted(self._touched):
            name = table.replace('"', '""')
            try:
                last = self._db.execute(f'SELECT max(_rowid_) FROM "{name}"').fetchone()
            except sqlite3.OperationalError:
                continue  # dropped meanwhile, a view, or WITHOUT ROWID
            if last == (LAST_ROW,):
                raise ValueError(f"{table}: a row with the number {LAST_ROW} is not allowed")

    def _authorize(self, action: int, one: Any, two: Any, database: Any, cause: Any) -> int:
        if not self._guarded:
            return sqlite3.SQLITE_OK
        if action in (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE):
            if one == "sqlite_sequence" and two in (None, "seq"):
                return sqlite3.SQLITE_DENY
            self._touched.add(one)
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
