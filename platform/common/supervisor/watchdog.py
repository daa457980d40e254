"""End the children of a process that died without ending them itself (kill -9, out of memory).

Linux tells children of their parent's death, but not grandchildren, and other systems tell nobody.
So a small process waits for the end of a pipe that only its parent holds. Run as
`python -I -S watchdog.py`; standard library only.
"""

import contextlib
import os
import signal
import sys
import time

PATIENCE = 20.0  # seconds a child that is asked to end may take before it is killed


def main() -> None:
    """Read `watch PID SIGNAL` and `forget PID` until the pipe ends; end what is still watched."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: dict[int, int] = {}
    for line in sys.stdin:
        verb, pid, *death_signal = line.split()
        if verb == "watch":
            watched[int(pid)] = int(death_signal[0])
        else:
            watched.pop(int(pid), None)
    end(watched)


def end(watched: dict[int, int]) -> None:
    """Send each process group its signal: first to those killed outright, which use the others."""
    for pid, number in sorted(watched.items(), key=lambda item: item[1] != signal.SIGKILL):
        send(pid, number)
    deadline = time.monotonic() + PATIENCE
    while any(map(is_alive, watched)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in watched:
        send(pid, signal.SIGKILL)


def send(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main()
