"""One process to be supervised: how it is started, how it is ended, and what became of it."""

import contextlib
import json
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from common.supervisor.output import Log

LAUNCHER = Path(__file__).with_name("launch.py")
SLOWEST_RESTART = 10.0  # seconds
FASTEST_RESTART = 0.5
READS_A_TURN = 16  # of 64 KiB
HEALTHY_LIFE = 30.0  # seconds after which earlier deaths are forgotten


@dataclass(frozen=True)
class Account:
    """An account of the operating system that a child runs as, when it is not the supervisor's."""

    name: str
    uid: int
    gid: int

    @classmethod
    def named(cls, name: str) -> "Account | None":
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            return None
        return cls(name, entry.pw_uid, entry.pw_gid)

    @classmethod
    def numbered(cls, uid: int) -> "Account | None":
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            return None
        return cls(entry.pw_name, uid, entry.pw_gid)


@dataclass(frozen=True)
class Process:
    """What to run. `stop` lists signals, each with the seconds it is given before the next."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] | None = None  # None: the supervisor's own
    log: Path = Path(os.devnull)
    keeps_own_log: bool = False  # its output goes straight to `log`, not through the supervisor
    nice: int = 0
    account: Account | None = None
    stop: Sequence[tuple[int, float]] = ((signal.SIGTERM, 8.0), (signal.SIGKILL, 5.0))
    death_signal: int = signal.SIGKILL  # sent when the supervisor dies without stopping it
    stops_last: bool = False  # the others need it until they have ended
    before_start: Callable[[], None] | None = None
    period: float = 0.0  # seconds from an end to the next start, for what does its work and ends


def launch(process: Process, output: int | BinaryIO) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, so that Ctrl-C reaches only the supervisor."""
    account = process.account
    wanted = {
        "parent": os.getpid(),
        "death_signal": int(process.death_signal),
        "nice": process.nice,
        "account": account and {"name": account.name, "uid": account.uid, "gid": account.gid},
    }
    return subprocess.Popen(  # noqa: S603 - commands that Chancery composes
        [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(wanted), *process.command],
        env=process.environment,
        cwd="/" if account else None,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
    )


class Child:
    """A process in its successive lives."""

    def __init__(self, process: Process, *, restarts: bool) -> None:
        self.process = process
        self.restarts = restarts
        self.log = Log(process.log)
        self.popen: subprocess.Popen[bytes] | None = None
        self.deaths = 0  # in a row: a healthy life in between makes them forgotten
        self.status: int | None = None  # of its last life; negative: the signal that ended it
        self.restart_at = 0.0
        self._started_at = 0.0

    @property
    def is_alive(self) -> bool:
        return self.popen is not None

    def start(self) -> subprocess.Popen[bytes]:
        if self.process.before_start:
            self.process.before_start()
        if self.process.keeps_own_log:
            with self.process.log.open("ab") as log:
                popen = launch(self.process, log)
        else:
            popen = launch(self.process, subprocess.PIPE)
            assert popen.stdout
            os.set_blocking(popen.stdout.fileno(), False)
        self.popen = popen
        self._started_at = time.monotonic()
        return popen

    def read(self) -> bytes:
        """Return what it said since the last reading, or as much of it as one turn may take.

        One that never stops talking must not keep the supervisor from the others. What a pipe
        holds when its writer has ended is less than one turn's share.
        """
        pieces: list[bytes] = []
        if self.popen and self.popen.stdout:
            with contextlib.suppress(BlockingIOError):
                while len(pieces) < READS_A_TURN:
                    piece = os.read(self.popen.stdout.fileno(), 65536)
                    if not piece:
                        break
                    pieces.append(piece)
        return b"".join(pieces)

    def signal(self, number: int) -> None:
        """Send it to the process; SIGKILL to its group, so that what it started goes with it."""
        if self.popen is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if number == signal.SIGKILL:
                os.killpg(self.popen.pid, number)
            else:
                os.kill(self.popen.pid, number)

    def has_ended(self) -> bool:
        """Return whether the process was alive when last looked at and is so no more."""
        return self.popen is not None and self.popen.poll() is not None

    def bury(self) -> int:
        """Clear up after a process that has ended, and return its number."""
        assert self.popen
        popen, self.popen = self.popen, None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(popen.pid, signal.SIGKILL)  # what it started and left behind
        if popen.stdout:
            popen.stdout.close()
        self.status = popen.returncode
        if time.monotonic() - self._started_at >= HEALTHY_LIFE:
            self.deaths = 0
        self.postpone()
        return popen.pid

    @property
    def did_its_work(self) -> bool:
        """Whether its last life ended as it should, until it is time for the next."""
        return bool(self.process.period) and self.status == 0

    def postpone(self) -> None:
        """Let the next life begin the later, the more deaths there were in a row."""
        delay = self.process.period or min(FASTEST_RESTART * 2**self.deaths, SLOWEST_RESTART)
        self.deaths += 1
        self.restart_at = time.monotonic() + delay
