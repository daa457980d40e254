"""What the tests of running processes share."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from common.home import ROOT

PATIENCE = 60.0  # seconds; machines that run tests may be slow


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> object:
    """Look often until the condition holds, and return what it gives. Fail when it never does."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(0.02)
    return found


@contextlib.contextmanager
def temporary_home() -> Iterator[Path]:
    """A directory with a name short enough for a socket, which PostgreSQL's account can enter."""
    home = Path(tempfile.mkdtemp(prefix="ch-", dir="/tmp"))
    home.chmod(0o711)
    try:
        yield home
    finally:
        for pid in processes_of(home):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(home, ignore_errors=True)


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's environment with another home and nothing of its databases."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DATABASE", "CHANCERY"))
    }
    return kept | {"CHANCERY_HOME": str(home), "PYTHONPATH": str(ROOT / "platform")} | more


def run_python(
    home: Path, script: str, *arguments: object, **options: Any
) -> "subprocess.Popen[str]":
    """Start a Python that can import `common`, with the home as its CHANCERY_HOME."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )


def processes_of(home: Path) -> set[int]:
    """Return the processes that were started with that CHANCERY_HOME, but not this one."""
    mark = f"CHANCERY_HOME={home}".encode()
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.add(int(entry.name))
    return found


def command_line(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def process_named(home: Path, part: str) -> int | None:
    """Return the process of that home whose command line has `part`, the first that was started."""
    return next((pid for pid in sorted(processes_of(home)) if part in command_line(pid)), None)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def connects(url: str) -> bool:
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url):
        return True
    return False
