"""A real PostgreSQL, Redis and NATS for tests, each on a port and in a folder of its own."""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.database.migrations import HEAD
from scripts.ports import free_port

_ASKED = 20_000  # times that a starting server is asked whether it answers; each takes 0.1 ms
_EMPTYING = (
    (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND datname = 'postgres'"
    ),
    # Tables that are up to date are emptied; to make them takes a second.
    f"""DO $$ DECLARE names text; is_made bool; BEGIN
    EXECUTE 'SELECT version_num = ''{HEAD}'' FROM alembic_version' INTO STRICT is_made;
    IF NOT is_made THEN RAISE undefined_table; END IF;
    SELECT string_agg(quote_ident(tablename), ',') INTO names
    FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version';
    EXECUTE 'TRUNCATE ' || names || ' RESTART IDENTITY';
    EXCEPTION WHEN OTHERS THEN DROP SCHEMA public CASCADE; CREATE SCHEMA public;
    END $$""",  # noqa: S608 - a constant
)
_DEBIAN = Path("/usr/lib/postgresql")  # where Debian keeps PostgreSQL's programs, by version


@dataclass(slots=True)
class Server:
    """A server that can be stopped and started again on the same port and data."""

    argv: list[str]  # how it is started
    scheme: str  # of its URL
    port: int  # where it listens
    folder: Path  # of its data
    asks: list[str] | None = None  # a command that succeeds when it answers; None connects
    user: str | None = None  # who runs it; None is whoever runs the tests
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def url(self) -> str:
        """URL of the server."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        null = subprocess.DEVNULL
        self._process = subprocess.Popen(
            self.argv, stdin=null, stdout=null, stderr=null, user=self.user
        )
        for _ in range(_ASKED):
            if self._answers():
                return
        raise TimeoutError(self.argv[0])

    def _answers(self) -> bool:
        if self.asks is not None:
            return subprocess.run(self.asks, check=False, capture_output=True).returncode == 0
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True
        return False

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop it as an operator in a hurry would, without a wait for its callers."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """Kill it as kill -9 does."""
        self.stop(signal.SIGKILL)

    def lose_all(self) -> None:
        """Delete what it has stored."""
        shutil.rmtree(self.folder)


@contextmanager
def postgres() -> Iterator[Server]:
    """Run a PostgreSQL; skip the test where it is not installed."""
    folders = [str(path) for path in sorted(_DEBIAN.glob("*/bin"))]
    initdb = shutil.which("initdb", path=os.pathsep.join([*folders, os.defpath]))
    if initdb is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    programs = Path(initdb).parent
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    port = free_port()
    with _folder(user) as folder:
        data = str(folder / "data")
        made = [initdb, "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"]
        subprocess.run(made, cwd=folder, check=True, capture_output=True, user=user)
        # It stops only when nobody is about to log in, which may take as long as it allows.
        settings = ("fsync=off", "listen_addresses=127.0.0.1", "authentication_timeout=1s")
        options = [part for setting in settings for part in ("-c", setting)]
        program = str(programs / "postgres")
        argv = [program, "-D", data, "-p", str(port), "-k", str(folder), *options]
        asks = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        yield from _running(Server(argv, "postgresql", port, folder, asks, user))


def empty_database(server: Server) -> str:
    """Empty the tables of the server's database and return its URL for a gateway.

    One for all tests: each database is 300 files, and 60 of them take most of a minute to delete.
    """
    psql = str(Path(server.argv[0]).with_name("psql"))
    where = ["-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres"]
    statements = [part for statement in _EMPTYING for part in ("-c", statement)]
    subprocess.run([psql, *where, "-q", *statements], check=True, capture_output=True)
    return f"postgresql+asyncpg://postgres@127.0.0.1:{server.port}/postgres"


@contextmanager
def redis() -> Iterator[Server]:
    """Run a Redis; skip the test where it is not installed."""
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("Redis is not installed: apt-get install redis-server")
    port = free_port()
    with _folder(None) as folder:
        options = ["--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        yield from _running(Server([found, "--port", str(port), *options], "redis", port, folder))


@contextmanager
def nats_server() -> Iterator[Server]:
    """Run a NATS server from the wheel."""
    port = free_port()
    with _folder(None) as folder:
        program = str(Path(sys.executable).with_name("nats-server"))
        where = ["--addr", "127.0.0.1", "--port", str(port), "--store_dir", str(folder)]
        yield from _running(Server([program, "--jetstream", *where], "nats", port, folder))


def prefix_of(folder: Path) -> str:
    """Return the name of the stream of the gateways whose files are in `folder`."""
    return "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:16]


def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def _folder(user: str | None) -> Iterator[Path]:
    """Yield a folder that `user` may write; pytest's own is closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix="imagemesh-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
