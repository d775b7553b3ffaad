"""Daemons for tests: the one that the environment names, and daemons of one's own."""

import os
import random
import subprocess
import tempfile
import unittest

ADDRESS = os.environ.get("SPREAD_TEST_DAEMON", "")
SOCKET = os.environ.get("SPREAD_TEST_SOCKET", "")
PROGRAM = os.environ.get("SPREAD_TEST_SPREAD", "")


def needs(value, variable):
    return unittest.skipUnless(value, f"{variable} is not set")


needs_daemon = needs(ADDRESS, "SPREAD_TEST_DAEMON")
needs_socket = needs(SOCKET, "SPREAD_TEST_SOCKET")
needs_program = needs(PROGRAM, "SPREAD_TEST_SPREAD")


class OwnDaemon:
    """A daemon that can be killed and started again."""

    def __init__(self, lines=""):
        self._dir = tempfile.TemporaryDirectory()
        self._lines = lines
        self._process = None
        for _ in range(20):
            self._port = random.randrange(30000, 60000)
            if self.start():
                return
        raise RuntimeError("no port is free")

    @property
    def address(self):
        return f"{self._port}@127.0.0.1"

    def start(self):
        """Tell whether it came up."""
        with open(self._dir.name + "/spread.conf", "w") as f:
            f.write(f"{self._lines}\nSpread_Segment 127.0.0.255:{self._port} {{\n  own 127.0.0.1\n}}\n")
        self._process = subprocess.Popen(
            [PROGRAM, "-c", "spread.conf", "-n", "own"], cwd=self._dir.name, stdout=subprocess.PIPE, text=True
        )
        for line in self._process.stdout:
            if line.startswith("Membership id"):
                return True
        self.kill()
        return False

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def close(self):
        self.kill()
        self._dir.cleanup()
