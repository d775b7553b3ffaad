#!/usr/bin/env python3
"""Brings the whole example up on one machine, and takes it down again.

Two daemons, the database, the web server and the workers run in a directory and on ports of
their own: nothing of the system's is touched. If root starts it, they run as www-data.
"""

import argparse
import contextlib
import ctypes
import functools
import os
import pwd
import random
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PACKAGES = "apache2 libapache2-mod-php php-mysql mariadb-server python3-pymysql python3-reportlab fonts-dejavu-core"
WORKERS = {"worker1": "earth", "worker2": "earth", "worker3": "mars", "worker4": "mars"}
DAEMONS = {"earth": "127.0.0.1", "mars": "127.0.0.2"}  # as in spread.conf
ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}  # what the user may end the demo with
PATIENCE = 60.0  # seconds, for a program to be ready on a busy machine

os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"


class Trouble(Exception):
    """Something that the user is told."""


class Program:
    """A process of the demo."""

    def __init__(self, demo, name, about, command, env=None):
        self.demo, self.name, self.about, self.command = demo, name, about, command
        self.env = env or {}
        self.log = demo.work / f"{name}.log"
        self.process = None
        self.watched = False  # its end is still to be told

    def start(self, ready):
        """Start it, and return when ready() is true."""
        told = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log, undisturbed():
            self.process = subprocess.Popen(
                self.command, cwd=self.demo.work, env={**self.demo.env, **self.env},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **self.demo.who,
            )  # fmt: skip
        self.watched = True
        end = time.monotonic() + PATIENCE
        while not ready(self.log.read_text(errors="replace")[told:]):
            if self.process.poll() is not None:
                raise Trouble(f"{self.name} has ended; {tail(self.log)}")
            if time.monotonic() > end:
                raise Trouble(f"{self.name} is not ready after {PATIENCE:.0f} s; {tail(self.log)}")
            time.sleep(0.05)

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self, sign):
        """Send a signal to it and to what it has started."""
        if self.process is not None:
            kill_group(self.process.pid, sign)


class Demo:
    def __init__(self, options):
        self.slow = options.slow
        self.user = "www-data" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.who = {"preexec_fn": begin}
        if os.geteuid() == 0:
            owner = pwd.getpwnam(self.user)
            self.who.update(user=owner.pw_uid, group=owner.pw_gid, extra_groups=[])
        self.given = options.work is not None
        self.work = Path(options.work or self.temporary_directory()).resolve()
        self.work.mkdir(exist_ok=True)
        if any(self.work.iterdir()):
            raise Trouble(f"{self.work} is not empty")
        self.spread = options.spread or (None if shutil.which("go") else shutil.which("spread"))
        self.port = daemon_port()
        self.web_port = options.port or free_port()
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.work), "LANG": "C.UTF-8", "WORK": str(self.work)}
        self.passwords = {"web": secrets.token_urlsafe(), "worker": secrets.token_urlsafe()}
        self.programs = {}

    def temporary_directory(self):
        place = tempfile.gettempdir()
        if not self.reaches(place):
            place = "/tmp"  # TMPDIR is for root alone, for example with libpam-tmpdir
        return tempfile.mkdtemp(prefix="reports-", dir=place)

    def reaches(self, directory):
        return subprocess.run(["test", "-x", str(directory)], cwd="/", **self.who).returncode == 0

    def up(self):
        say(f"Starting in {self.work}; logs are there.")
        self.install()
        self.prepare_database()
        for name, start in self.starters().items():
            start()
            say(f"  {name}")

    def starters(self):
        """How each program is started, in this order."""
        starters = {name: lambda name=name: self.start_daemon(name) for name in DAEMONS}
        starters["database"] = self.start_database
        starters["web"] = self.start_web
        starters.update({name: lambda name=name: self.start_worker(name) for name in WORKERS})
        return starters

    def program(self, name, *args, ready, **options):
        if name not in self.programs:
            self.programs[name] = Program(self, name, *args, **options)
        self.programs[name].start(ready)

    def install(self):
        """Put everything in its place, readable for those who run it."""
        if self.spread is None:
            say("  building the daemon")
            build = ["go", "build", "-buildvcs=false", "-o", str(self.work / "spread"), "./cmd/spread"]
            run(build, "the daemon cannot be built", cwd=ROOT)
        else:
            shutil.copy(self.spread, self.work / "spread")
        for name in ("web", "lib", "worker"):
            copy(HERE / name, self.work / name)
        copy(ROOT / "clients/php/src", self.work / "gospread-php/src")
        shutil.copy(ROOT / "clients/php/autoload.php", self.work / "gospread-php")
        copy(ROOT / "clients/python/gospread", self.work / "gospread-python/gospread")
        (self.work / "sessions").mkdir(exist_ok=True)
        shutil.copy(HERE / "apache.conf", self.work)
        conf = (HERE / "spread.conf").read_text().replace("4803", str(self.port))
        (self.work / "spread.conf").write_text(conf)
        if "user" in self.who:
            run(["chown", "-R", f"{self.user}:", str(self.work)], "the directory cannot be given away")
            if not self.reaches(self.work):
                raise Trouble(f"{self.user}, who runs all of it, cannot reach {self.work}; choose another directory")
        self.work.chmod(0o700)

    def start_daemon(self, name):
        about = f"daemon at {DAEMONS[name]}, port {self.port}"
        command = [str(self.work / "spread"), "-n", name, "-c", str(self.work / "spread.conf")]
        alone = not any(p.alive for n, p in self.programs.items() if n in DAEMONS and n != name)
        sign = "Membership: 1 of 2" if alone else "Membership: 2 of 2"
        self.program(name, about, command, ready=lambda log: sign in log)

    def prepare_database(self):
        command = ["mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--innodb-log-file-size=16M",
                   "--skip-test-db", "--auth-root-authentication-method=socket",
                   f"--auth-root-socket-user={self.user}"]  # fmt: skip
        self.run(command, "the database cannot be made")

    @property
    def data(self):
        return self.work / "data"

    @property
    def db_socket(self):
        return str(self.work / "db.sock")

    def start_database(self):
        fresh = "database" not in self.programs
        command = ["mariadbd", "--no-defaults", f"--datadir={self.data}", f"--socket={self.db_socket}",
                   f"--pid-file={self.work / 'db.pid'}", "--skip-networking", "--innodb-log-file-size=16M",
                   "--innodb-buffer-pool-size=64M"]  # fmt: skip
        self.program("database", "MariaDB", command, ready=lambda _: answers(self.db_socket))
        if fresh:
            schema = (HERE / "schema.sql").read_text()
            schema = schema.replace("@WEB@", self.passwords["web"]).replace("@WORKER@", self.passwords["worker"])
            command = ["mariadb", "--no-defaults", "-S", self.db_socket, "-u", self.user]
            self.run(command, "the tables cannot be made", input=schema.encode())

    def start_web(self):
        modules, php = apache_modules()
        env = {
            "WEB_PORT": str(self.web_port),
            "APACHE_MODULES": str(modules),
            "PHP_MODULE": php,
            "REPORTS_DAEMON": str(self.port),
            "REPORTS_DSN": f"mysql:unix_socket={self.db_socket};dbname=reports;charset=utf8mb4",
            "REPORTS_PASSWORD": self.passwords["web"],
        }
        command = ["apache2", "-f", str(self.work / "apache.conf"), "-D", "FOREGROUND"]
        self.program("web", f"Apache with PHP, {self.url}", command, env=env, ready=lambda _: self.web_answers())

    @property
    def url(self):
        return f"http://127.0.0.1:{self.web_port}/"

    def web_answers(self):
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.url, timeout=10).close()
            return True
        except urllib.error.HTTPError as e:
            raise Trouble(f"the page says {e}; {tail(self.work / 'apache.log')}")
        except OSError:
            return False

    def start_worker(self, name):
        daemon = WORKERS[name]
        env = {
            "PYTHONPATH": str(self.work / "gospread-python"),
            "REPORTS_PASSWORD": self.passwords["worker"],
        }
        command = [worker_python(), str(self.work / "worker/worker.py"), "--name", name, "--slow", str(self.slow),
                   "--daemon", f"{self.port}@{DAEMONS[daemon]}", "--database", self.db_socket]  # fmt: skip
        self.program(name, f"worker at {daemon}", command, env=env, ready=lambda log: "connected as" in log)

    def run(self, command, trouble, **options):
        run(command, trouble, cwd=self.work, env=self.env, **self.who, **options)

    def show(self):
        say()
        for p in self.programs.values():
            say(f"  {p.name:9} {f'pid {p.process.pid}' if p.alive else 'not running':12}  {p.about}")
        say()

    def watch(self):
        """Do what the user types, and tell what has ended, until the user ends it."""
        inputs, typed = [], b""
        if sys.stdin is not None and not os.path.samestat(os.fstat(0), os.stat(os.devnull)):
            inputs = [0]
        while True:
            readable, _, _ = select.select(inputs, [], [], 0.3)
            for file in readable:
                try:
                    more = os.read(file, 4096)
                except OSError:
                    more = b""
                if not more:  # Ctrl-D, or the window was closed
                    return
                *lines, typed = (typed + more).split(b"\n")
                for line in lines:
                    words = line.decode(errors="replace").split()
                    if words[:1] == ["quit"]:
                        return
                    if words:
                        self.obey(*words)
            for p in self.programs.values():
                if p.watched and not p.alive:
                    p.watched = False
                    status = p.process.returncode
                    how = f"signal {-status}" if status < 0 else f"status {status}"
                    say(f'{p.name} has ended, with {how}. "start {p.name}" brings it back.')

    def obey(self, verb, name="", *_):
        if verb == "list":
            self.show()
        elif verb == "kill" and name in self.programs:
            self.programs[name].kill(signal.SIGKILL)
        elif verb == "stop" and name in self.programs:
            self.programs[name].kill(signal.SIGTERM)
        elif verb == "start" and name in self.programs:
            if self.programs[name].alive:
                say(f"{name} is running.")
                return
            self.programs[name].kill(signal.SIGKILL)  # what it may have left behind
            try:
                self.starters()[name]()
                say(f"{name} is running, pid {self.programs[name].process.pid}.")
            except Trouble as e:
                say(str(e))
        else:
            say(f"Commands: list; kill, stop or start and one of {' '.join(self.programs)}; quit.")

    def down(self):
        """End everything, the last started first; what does not end in time is killed."""
        order = list(self.programs.values())[::-1]
        workers = [p for p in order if p.name in WORKERS]
        for group in (workers, [p for p in order if p not in workers]):
            for p in group:
                if p.alive:
                    p.kill(signal.SIGTERM)
            end = time.monotonic() + 10
            for p in group:
                try:
                    p.process.wait(max(0.1, end - time.monotonic()))
                except (subprocess.TimeoutExpired, AttributeError):
                    pass
                p.kill(signal.SIGKILL)
                if p.process is not None:
                    p.process.wait()
        for name in (f"{self.port}", f"{self.port}.lock", *(f"{self.port}.{d}.time" for d in DAEMONS)):
            Path("/tmp", name).unlink(missing_ok=True)
        if not self.given:
            shutil.rmtree(self.work, ignore_errors=True)


def port(text):
    return number(int(text), 0, 65535)


def seconds(text):
    return number(float(text), 0, 3600)


def number(value, least, most):
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{value} is not from {least} to {most}")
    return value


def say(text=""):
    try:
        print(text, flush=True)
    except OSError:
        pass  # nobody reads it any more; all is ended all the same


def run(command, trouble, input=b"", **options):
    """Run a command to its end. If the user ends the demo meanwhile, it ends with all that it has started."""
    p = None
    try:
        with undisturbed():
            p = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                **{"preexec_fn": begin, **options},
            )  # fmt: skip
        said, _ = p.communicate(input)
    except FileNotFoundError:
        raise Trouble(f"{trouble}: there is no {command[0]}")
    except BaseException:
        if p is not None:
            kill_group(p.pid, signal.SIGKILL)
        raise
    if p.returncode != 0:
        raise Trouble(f"{trouble}: {command[0]} says:\n{said.decode(errors='replace')}")


@contextlib.contextmanager
def undisturbed():
    """Signals wait meanwhile, so that nothing is started that the demo does not know of, and could not end."""
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def kill_group(pid, sign):
    try:
        os.killpg(pid, sign)
    except ProcessLookupError:
        pass  # it has ended


def tail(log):
    lines = log.read_text(errors="replace").splitlines()[-12:]
    return f"the end of {log}:\n" + "".join(f"    {line}\n" for line in lines)


def copy(source, to):
    shutil.copytree(source, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


def answers(path):
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(path)
            return True
        except OSError:
            return False


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def daemon_port():
    """A port that is free, and the next one too, over TCP and UDP at both addresses."""
    for port in random.sample(range(20000, 32000, 2), 100):
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                for address in DAEMONS.values():
                    for p in (port, port + 1):
                        with socket.socket(socket.AF_INET, kind) as s:
                            s.bind((address, p))
            if not Path(f"/tmp/{port}").exists():
                return port
        except OSError:
            continue
    raise Trouble("no free port was found; is there an address 127.0.0.2?")


def apache_modules():
    for modules in (Path("/usr/lib/apache2/modules"), Path("/usr/lib64/httpd/modules")):
        for php in sorted(modules.glob("libphp*.so")):
            return modules, php.name
    raise Trouble(f"Apache has no module for PHP here. On Debian: apt-get install {PACKAGES}")


@functools.lru_cache(None)
def worker_python():
    """A Python that has what the workers import: Debian's, if this is another."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import pymysql, reportlab"], capture_output=True, cwd="/").returncode == 0:
            return python
    raise Trouble(f"no Python here has pymysql and reportlab. On Debian: apt-get install {PACKAGES}")


def begin():
    """What a new process does first: take signals again, and ask Linux to end it if the demo is killed."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    except (OSError, AttributeError):
        pass


def check():
    missing = [c for c in ("apache2", "mariadbd", "mariadb-install-db", "mariadb") if shutil.which(c) is None]
    if missing:
        raise Trouble(f"not installed: {', '.join(missing)}. On Debian: apt-get install {PACKAGES}")
    apache_modules()
    worker_python()


def main():
    parser = argparse.ArgumentParser(description="Runs the example of reports on this machine.")
    parser.add_argument("--port", type=port, default=0, help="of the web server; by default one that is free")
    parser.add_argument("--work", metavar="DIR", help="an empty directory to work in, which is kept; by default a temporary one")
    parser.add_argument("--spread", metavar="FILE", help="the daemon; by default built here, or without Go the installed one")
    parser.add_argument("--slow", type=seconds, default=12, metavar="SECONDS", help="that a report takes; default 12")
    parser.add_argument("--check", action="store_true", help="only say what is missing here")
    options = parser.parse_args()

    for s in ENDING:
        signal.signal(s, signal.default_int_handler)  # as Ctrl-C
    demo = None
    try:
        check()
        if options.check:
            return 0
        demo = Demo(options)
        demo.up()
        demo.show()
        say(f"The page: {demo.url}")
        say()
        say("Order a report there, and kill the worker that makes it: kill -9 and its pid, or type: kill worker1")
        say('"start worker1" brings it back, "list" tells what runs, "quit" or Ctrl-C ends all.')
        demo.watch()
    except (Trouble, OSError) as e:
        say(f"reports: {e}")
        return 1
    except KeyboardInterrupt:
        say()
    finally:
        if demo is not None:
            for s in ENDING:
                signal.signal(s, signal.SIG_IGN)
            say("Ending all.")
            demo.down()
    return 0


if __name__ == "__main__":
    sys.exit(main())
