"""The worker's side of `knowledge.ingestion.nursery`: children by the way, each run to its end."""

import atexit
import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO

from knowledge.ingestion.child import TOO_SLOW
from knowledge.ingestion.reading import UnreadableDocument

_ROOT = Path(__file__).resolve().parents[2]
_LOOKED_UP = 0.5  # seconds; how often the child's progress is looked at
_LONGEST_END = 4096  # bytes
_ENDS_IN = 5.0  # seconds


@dataclass(frozen=True)
class End:
    """How a child ended: its exit status, or minus the signal, and what it took at most."""

    status: int
    cpu_seconds: float
    peak_kilobytes: int


class Nursery:
    """Where children come from. Its process is started when the first is wanted, sees none of this
    process's environment, so none of its secrets, and ends with it."""

    def __init__(self, main: str = "knowledge.ingestion.child:main"):
        self._main = main
        self._lock = Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def run_to_the_end(
        self,
        files: Sequence[IO[bytes]],
        *,
        seconds: float,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> End:
        """Run a child with these as its standard input, output and error and its progress.

        It leads a process group of its own, and whatever else it started, where nothing keeps it
        from that, goes with it. Raises UnreadableDocument when it takes longer, and
        ChildProcessError when no child can be had.
        """
        with self._child([file.fileno() for file in files]) as connection:
            return _wait(connection, seconds, meanwhile)

    def close(self) -> None:
        """End the process and all its children."""
        with self._lock:
            self._let_go()

    def _child(self, descriptors: Sequence[int]) -> socket.socket:
        """A connection to a new child. Closing it ends the child."""
        mine, theirs = socket.socketpair()
        with theirs, self._lock:
            for _ in range(2):
                control = self._control or self._start()
                try:
                    socket.send_fds(control, [b"+"], [theirs.fileno(), *descriptors])
                except OSError:  # it was killed: another is started
                    self._let_go()
                else:
                    return mine
        mine.close()
        raise ChildProcessError("No process that reads files can be started.")

    def _start(self) -> socket.socket:
        self._control, theirs = socket.socketpair()
        command = [sys.executable, "-m", "knowledge.ingestion.nursery", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 (no command comes from a client)
                [*command, self._main],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd=_ROOT,
                env={"LANG": "C.UTF-8"},
                start_new_session=True,
                pass_fds=[theirs.fileno()],
            )
        return self._control

    def _let_go(self) -> None:
        if self._control:
            self._control.close()
        if self._process:
            try:
                self._process.wait(_ENDS_IN)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._control = self._process = None


NURSERY = Nursery()
atexit.register(NURSERY.close)


def _wait(connection: socket.socket, seconds: float, meanwhile: Callable[[], None]) -> End:
    deadline = time.monotonic() + seconds
    told = select.poll()
    told.register(connection, select.POLLIN)
    while not told.poll(1000 * min(max(deadline - time.monotonic(), 0), _LOOKED_UP)):
        if time.monotonic() >= deadline:
            raise UnreadableDocument(TOO_SLOW)
        meanwhile()
    with suppress(ConnectionResetError):
        if said := connection.recv(_LONGEST_END):
            return End(**json.loads(said))
    raise ChildProcessError("The process that reads files was killed.")
