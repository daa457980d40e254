"""The supervisor's end of the watchdog: see `watchdog.py`."""

import contextlib
import subprocess
import sys
from pathlib import Path

WATCHDOG = Path(__file__).with_name("watchdog.py")


class Guard:
    """Tells a watchdog which process groups to end if this process dies."""

    def __init__(self) -> None:
        self._watched: dict[int, int] = {}
        self._watchdog: subprocess.Popen[bytes] | None = None

    def watch(self, pid: int, death_signal: int) -> None:
        self._watched[pid] = death_signal
        self._tell(f"watch {pid} {int(death_signal)}\n")

    def forget(self, pid: int) -> None:
        self._watched.pop(pid, None)
        self._tell(f"forget {pid}\n")

    def check(self) -> None:
        """Replace a watchdog that was killed."""
        if self._watched and (self._watchdog is None or self._watchdog.poll() is not None):
            self._start()

    def close(self) -> None:
        """End the watchdog, which ends whatever is still watched."""
        if self._watchdog:
            with contextlib.suppress(BrokenPipeError):
                self._watchdog.communicate()
            self._watchdog = None

    def _tell(self, line: str) -> None:
        self.check()
        if self._watchdog and self._watchdog.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._watchdog.stdin.write(line.encode())

    def _start(self) -> None:
        self._watchdog = subprocess.Popen(  # noqa: S603 - a script of this package
            [sys.executable, "-I", "-S", str(WATCHDOG)],
            bufsize=0,
            cwd="/",
            start_new_session=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert self._watchdog.stdin
        for pid, death_signal in self._watched.items():
            self._watchdog.stdin.write(f"watch {pid} {int(death_signal)}\n".encode())
