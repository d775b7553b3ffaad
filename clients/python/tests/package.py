"""Builds the wheel, installs it alone, and runs the example of the README with it.

    python3 tests/package.py

Nothing is fetched. The README's example is run in two processes against the daemon
of the environment (SPREAD_TEST_DAEMON); without one it is only compiled.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import List

HERE = Path(__file__).resolve().parent.parent


def pip() -> List[str]:
    """The command, of a Python that can build wheels without fetching anything."""
    for python in (sys.executable, "/usr/bin/python3"):
        if Path(python).exists() and not subprocess.run(
            [python, "-c", "import setuptools, wheel, pip"], stderr=subprocess.DEVNULL
        ).returncode:
            return [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "--no-cache-dir"]
    sys.exit("no Python here has pip, setuptools and wheel (Debian: python3-pip python3-setuptools python3-wheel)")


def build(work: Path) -> Path:
    """The wheel, from a copy of the sources, because building writes among them."""
    command = pip()
    sources = work / "sources"
    shutil.copytree(HERE, sources, ignore=shutil.ignore_patterns("build", "__pycache__", ".mypy_cache"))
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "wheel", *offline, "--wheel-dir", str(work), str(sources)], check=True)
    (wheel,) = work.glob("gospread-*.whl")
    site = work / "site"
    subprocess.run([*command, "install", "--no-index", "--no-deps", "--target", str(site), str(wheel)], check=True)
    for wanted in ("gospread/py.typed", "gospread/aio/__init__.py", "gospread/workqueue/__init__.py", "gospread/replica/__init__.py", "spread/py.typed"):
        if not (site / wanted).exists():
            sys.exit(f"the wheel lacks {wanted}")
    return site


def example() -> str:
    """The first Python block of the README."""
    text = (HERE / "README.md").read_text(encoding="utf-8")
    found = re.search(r"## Ten lines.*?```python\n(.*?)```", text, re.S)
    if not found:
        sys.exit("README.md has no ten lines")
    return found[1]


def run(site: Path, code: str, daemon: str) -> None:
    """Run the example until it has seen its own message."""
    code = code.replace("4803@localhost", daemon).replace('"alice"', '""')
    env = {**os.environ, "PYTHONPATH": str(site)}
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code], env=env, cwd=str(site), stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        for line in program.stdout:
            if "says" in line and "hello" in line:
                program.kill()
                print("the example of the README ran:", line.strip())
                return
    sys.exit(f"the example of the README ended with status {program.returncode}")


def main() -> None:
    code = example()
    compile(code, "README.md", "exec")
    with tempfile.TemporaryDirectory() as work:
        site = build(Path(work))
        daemon = os.environ.get("SPREAD_TEST_DAEMON")
        if daemon:
            run(site, code, daemon)
        else:
            print("no SPREAD_TEST_DAEMON: the example was not run")


main()
