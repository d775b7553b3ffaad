"""What the workers ask of the database."""

import calendar
from contextlib import contextmanager
from dataclasses import dataclass

import pymysql

DatabaseError = pymysql.MySQLError

# What a report's chapters are about, by its kind.
KEYS = {"month": "MONTH(day)", "region": "region", "product": "product"}


@dataclass(frozen=True)
class Report:
    id: str
    kind: str
    title: str
    items: int
    attempt: int


@dataclass(frozen=True)
class Chapter:
    key: object

    def __str__(self):
        return calendar.month_name[self.key] if isinstance(self.key, int) else self.key


class Database:
    """A connection. Leaving its ``with`` block closes it."""

    def __init__(self, where, password):
        place = {"unix_socket": where} if where.startswith("/") else {"host": where}
        self._connection = pymysql.connect(
            user="worker", password=password, database="reports", charset="utf8mb4", autocommit=True,
            connect_timeout=10, read_timeout=30, write_timeout=30, **place,
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()

    def _ask(self, sql, *args):
        with self._connection.cursor() as cursor:
            cursor.execute(sql, args)
            return cursor.fetchall()

    def _do(self, sql, *args):
        """Returns how many rows were changed."""
        with self._connection.cursor() as cursor:
            return cursor.execute(sql, args)

    @contextmanager
    def _transaction(self):
        self._connection.begin()
        try:
            yield
        except BaseException:
            if self._connection.open:
                self._connection.rollback()
            raise
        self._connection.commit()

    def _note(self, id, what):
        self._do("INSERT INTO history (report, what) VALUES (%s, %s)", id, what)

    # The state of reports. Of several workers that have the same report, after one was
    # thought to be lost, the last attempt may tell its progress, and the first PDF counts.

    def take(self, id, worker):
        """A report that this worker is going to make; None if it is made already."""
        columns = "kind, title, items, attempt + 1, state, worker"
        with self._transaction():
            rows = self._ask(f"SELECT {columns} FROM reports WHERE id = %s FOR UPDATE", id)  # others wait for the end
            if not rows:
                raise LookupError(f"there is no report {id}")
            kind, title, items, attempt, state, before = rows[0]
            if state == "done":
                return None
            self._do(
                "UPDATE reports SET state = 'running', worker = %s, attempt = %s, percent = 0, step = '' WHERE id = %s",
                worker, attempt, id,
            )  # fmt: skip
            lost = f"{before} was lost. {worker} begins again."
            self._note(id, lost if state == "running" else f"{worker} begins.")
        return Report(id, kind, title, items, attempt)

    def put_back(self, id, worker):
        put = self._do("UPDATE reports SET state = 'waiting' WHERE id = %s AND worker = %s AND state = 'running'", id, worker)
        if put:
            self._note(id, f"{worker} lost the database.")

    def progress(self, report, percent, step):
        self._do(
            "UPDATE reports SET percent = %s, step = %s WHERE id = %s AND attempt = %s AND state = 'running'",
            percent, step, report.id, report.attempt,
        )  # fmt: skip

    def finish(self, report, pdf):
        finished = self._do(
            "UPDATE reports SET state = 'done', percent = 100, step = '', pdf = %s, finished = NOW(3)"
            " WHERE id = %s AND state <> 'done'",
            pdf, report.id,
        )  # fmt: skip
        if finished:
            self._note(report.id, "The report is ready.")

    def fail(self, id, why):
        failed = self._do(
            "UPDATE reports SET state = 'failed', step = LEFT(%s, 250), finished = NOW(3)"
            " WHERE id = %s AND state IN ('waiting', 'running')",
            why, id,
        )  # fmt: skip
        if failed:
            self._note(id, "The report has failed.")

    def unfinished(self):
        """Reports that should be with the queue for some seconds now."""
        rows = self._ask(
            "SELECT id FROM reports WHERE state IN ('waiting', 'running') AND created < NOW() - INTERVAL 2 SECOND"
            " ORDER BY created LIMIT 1000"
        )
        return [id for (id,) in rows]

    # The sales. What stands for a column's name comes from KEYS, never from a user.

    def chapters(self, report):
        key = KEYS[report.kind]
        return [Chapter(k) for (k,) in self._ask(f"SELECT DISTINCT {key} AS k FROM sales ORDER BY k")]

    def totals(self, report, chapter):
        """Number of sales, units, amount."""
        key = KEYS[report.kind]
        return self._ask(f"SELECT COUNT(*), SUM(units), SUM(amount) FROM sales WHERE {key} = %s", chapter.key)[0]

    def largest(self, report, chapter):
        key = KEYS[report.kind]
        return self._ask(
            f"SELECT day, region, product, units, amount FROM sales WHERE {key} = %s ORDER BY amount DESC, id LIMIT %s",
            chapter.key, report.items,
        )  # fmt: skip
