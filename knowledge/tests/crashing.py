"""An installation of its own whose processes are killed: the database, workers and uploads."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg

from common import embedded
from common.tests.support import ROOT, environment, run_python, temporary_home, until
from knowledge.tests import crash_process

SERVE = """
import sys
from pathlib import Path
from common import embedded
from common.supervisor import Stopped, Supervisor
from common.supervisor.output import Terminal
with Supervisor(Terminal(None)) as supervisor, supervisor.stopped_by_signals():
    with embedded.started(supervisor, Path(sys.argv[1]), say=print):
        print("ready", flush=True)
        try:
            supervisor.supervise()
        except Stopped:
            print("stopped")
"""
SCRIPT = Path(crash_process.__file__)
LONG = 240.0  # seconds


class Installation:
    def __init__(self, home: Path):
        self.home = home
        self._started: list[subprocess.Popen[str]] = []

    def run(self, *arguments: object) -> "subprocess.Popen[str]":
        with (self.home / "crash.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, str(SCRIPT), *map(str, arguments)],
                env=environment(self.home),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._started.append(process)
        return process

    def kill(self) -> None:
        """End what was started here, and is left."""
        while self._started:
            process = self._started.pop()
            process.kill()
            process.communicate()

    def manage(self, *arguments: str) -> str:
        """What a command says, or AssertionError with it when it fails."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=environment(self.home),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def rows(self, statement: str, *parameters: object) -> list[tuple]:
        """What a superuser sees, once the server answers."""
        host = str(embedded.socket_directory(self.home))

        def ask() -> list[list[tuple]]:
            with (
                contextlib.suppress(psycopg.OperationalError),
                psycopg.connect(host=host, user="postgres", dbname=embedded.DATABASE) as connection,
            ):
                return [connection.execute(statement, parameters).fetchall()]
            return []

        return until(ask, LONG)[0]  # type: ignore[index]

    def documents(self) -> dict[str, tuple[str, str, int]]:
        """Status, error and attempts, by id."""
        found = self.rows(
            "SELECT id::text, processing_status, error, attempts FROM knowledge_document"
        )
        return {pk: tuple(rest) for pk, *rest in found}

    def recoveries(self) -> int:
        log = self.home / "log" / "postgresql.log"
        return log.read_text().count("database system was interrupted")

    def is_settled(self) -> bool:
        waiting = {"pending", "processing"}
        return not any(status in waiting for status, _, _ in self.documents().values())

    def doubled(self) -> list[tuple]:
        return self.rows(
            "SELECT document_id, position FROM knowledge_documentchunk"
            " GROUP BY document_id, position HAVING count(*) > 1"
        )

    def has_ended_by_a_kill(self, process: "subprocess.Popen[str]") -> bool:
        return process.wait(LONG) == -signal.SIGKILL


@contextlib.contextmanager
def installation() -> Iterator[Installation]:
    """A home with its database running and the world of tests in it."""
    with temporary_home() as home:
        server = run_python(home, SERVE, home)
        try:
            lines = iter(server.stdout)  # type: ignore[arg-type]
            assert any("ready" in line for line in lines)
            made = Installation(home)
            assert made.run("prepare").wait(LONG) == 0, (home / "crash.log").read_text()
            try:
                yield made
            finally:
                made.kill()
        finally:
            server.terminate()
            server.communicate()
