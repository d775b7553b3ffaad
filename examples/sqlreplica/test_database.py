"""What the database must refuse, and that a copy is the same."""

import json
import os
import sqlite3
import tempfile
import unittest
from types import SimpleNamespace

from database import Database, encode


class Statements(unittest.TestCase):
    def setUp(self):
        d = tempfile.TemporaryDirectory()
        self.addCleanup(d.cleanup)
        self.dir = d.name
        self.db = Database(os.path.join(d.name, "a.db"))
        self.do("CREATE TABLE t (id INTEGER PRIMARY KEY, x UNIQUE)")

    def do(self, *statements, db=None):
        data = encode([s if isinstance(s, tuple) else (s, []) for s in statements])
        return json.loads((db or self.db).apply(SimpleNamespace(data=data)))

    def test_all_or_nothing(self):
        self.assertEqual(self.do(("INSERT INTO t VALUES (?, ?)", [1, "one"])), {"changes": 1, "rows": []})
        for bad in ("INSERT INTO t VALUES (1, 'x')", "INSERT INTO t VALUES (3, 'two')", "nonsense", "SELECT 1; SELECT 2"):
            result = self.do("INSERT INTO t VALUES (2, 'two')", bad)
            self.assertIn("error", result, bad)
            self.assertEqual(self.db.query("SELECT * FROM t"), [(1, "one")])
        self.assertEqual(self.do("INSERT INTO t VALUES (4, 'four') RETURNING id + 1")["rows"], [[5]])

    def test_what_would_differ_is_refused(self):
        for bad in (
            "INSERT INTO t VALUES (2, random())",
            "INSERT INTO t VALUES (2, hex(randomblob(8)))",
            "INSERT INTO t VALUES (2, datetime('now'))",
            "INSERT INTO t VALUES (2, CURRENT_TIMESTAMP)",
            "INSERT INTO t VALUES (2, last_insert_rowid())",
            "INSERT INTO t VALUES (2, sqlite_version())",
            "UPDATE t SET x = total_changes()",
            "PRAGMA user_version = 7",
            "ATTACH 'x.db' AS x",
            "CREATE TEMP TABLE u (x)",
            "CREATE VIRTUAL TABLE u USING fts5(x)",
            "BEGIN",
            "COMMIT",
            "ROLLBACK",
            "SAVEPOINT s",
            "VACUUM",
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
        ):
            for _ in range(2):  # the second time, too
                self.assertIn("error", self.do("INSERT INTO t VALUES (1, 1)", bad), bad)
            self.assertEqual(self.db.query("SELECT * FROM t"), [], bad)
        for hidden in (
            "CREATE TABLE u (id INTEGER PRIMARY KEY, at DEFAULT CURRENT_TIMESTAMP)",
            "CREATE VIEW v AS SELECT random()",
            "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET x = random(); END",
        ):
            self.do(hidden)
        self.assertIn("error", self.do("INSERT INTO u (id) VALUES (1)"))
        self.assertIn("error", self.do("INSERT INTO t SELECT 1, * FROM v"))
        self.assertIn("error", self.do("INSERT INTO t VALUES (1, 1)"))

    def test_a_result_that_cannot_be_told(self):
        self.assertIn("error", self.do("SELECT x'00ff'"))
        self.assertIn("error", self.do(("SELECT ?", [1 << 70])))
        self.assertIn("error", json.loads(self.db.apply(SimpleNamespace(data=b"[[1]]"))))
        self.assertIn("error", json.loads(self.db.apply(SimpleNamespace(data=b"\xff"))))

    def test_last_row(self):
        self.do("CREATE TABLE u (x)", "CREATE TABLE n (nr INTEGER PRIMARY KEY AUTOINCREMENT, x)", "INSERT INTO n (x) VALUES (1)")
        for bad in (
            f"INSERT INTO t VALUES ({2**63 - 1}, 1)",
            f"INSERT INTO u (rowid, x) VALUES ({2**63 - 1}, 1)",
            f"UPDATE n SET nr = {2**63 - 1}",
            "UPDATE sqlite_sequence SET seq = 7",
            "INSERT INTO sqlite_sequence VALUES ('n', 7)",
        ):
            self.assertIn("error", self.do(bad), bad)
        self.assertEqual(self.do("ALTER TABLE n RENAME TO m", "INSERT INTO m (x) VALUES (2) RETURNING nr")["rows"], [[2]])
        self.assertNotIn("error", self.do("DROP TABLE m"))

    def test_trouble_of_this_node_is_no_result(self):
        other = sqlite3.connect(self.db.path, isolation_level=None)
        self.addCleanup(other.close)
        self.db._db.execute("PRAGMA busy_timeout = 100")
        other.execute("BEGIN")
        other.execute("SELECT * FROM t").fetchall()
        with self.assertRaises(sqlite3.OperationalError):
            self.do("INSERT INTO t VALUES (1, 1)")
        other.execute("COMMIT")
        self.do("CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END")
        self.assertIn("error", self.do("INSERT INTO t VALUES (1, 1)"))

    def test_one_process(self):
        self.do("INSERT INTO t VALUES (1, 1)")
        with self.assertRaises(BlockingIOError):
            Database(self.db.path)
        self.assertEqual(self.db.query("SELECT * FROM t"), [(1, 1)])

    def test_long_errors(self):
        self.assertLess(len(self.do("SELECT * FROM " + "x" * 2000)["error"]), 1000)

    def test_copies(self):
        other = Database(os.path.join(self.dir, "b.db"))
        self.do("CREATE TABLE n (nr INTEGER PRIMARY KEY AUTOINCREMENT, x)")
        for i in range(100):
            self.do(("INSERT INTO n (x) VALUES (?)", [i]), "DELETE FROM n WHERE x % 3 = 0")
        other.restore(self.db.snapshot())
        for db in (self.db, other):
            self.do("INSERT INTO n (x) VALUES (1)", db=db)
        self.assertEqual(self.db.digest(), other.digest())
        other.restore(b"")
        self.assertIn("error", self.do("SELECT * FROM n", db=other))

    def test_reading_changes_nothing(self):
        with self.assertRaises(sqlite3.Error):
            self.db.query("INSERT INTO t VALUES (1, 1)")
        with self.assertRaises(sqlite3.Error):
            self.db.query("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c")


if __name__ == "__main__":
    unittest.main()
