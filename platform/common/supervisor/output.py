"""What children say: on the terminal, each line with its speaker, and in log files."""

import contextlib
import os
import select
from collections import deque
from collections.abc import Iterable
from pathlib import Path

LOG_LIMIT = 10_000_000  # bytes; a longer log becomes <name>.log.1
REMEMBERED = 50  # lines kept of each speaker, for the message when it fails
CHUNK = 512  # bytes; POSIX lets a pipe that is writable take this many without blocking
COLORS = ("36", "33", "35", "32", "34")


class Terminal:
    """Standard output that never blocks nor fails its writer: what nobody reads is dropped.

    A pipe that is closed, or not drained, must not keep the supervisor from its work.
    """

    def __init__(self, descriptor: int | None = 1) -> None:
        """Without a descriptor nothing is written anywhere."""
        self.descriptor = descriptor
        self.colored = (
            descriptor is not None and os.isatty(descriptor) and "NO_COLOR" not in os.environ
        )
        self.speakers: list[str] = []

    def say(self, line: str) -> None:
        if self.descriptor is None:
            return
        data = f"{line}\n".encode(errors="replace")
        with contextlib.suppress(OSError):
            for start in range(0, len(data), CHUNK):
                if not select.select([], [self.descriptor], [], 0)[1]:
                    return
                os.write(self.descriptor, data[start : start + CHUNK])

    def say_for(self, speaker: str, line: str) -> None:
        if speaker not in self.speakers:
            self.speakers.append(speaker)
        label = f"{speaker:>16} | "
        if self.colored:
            color = COLORS[self.speakers.index(speaker) % len(COLORS)]
            label = f"\033[{color}m{label}\033[0m"
        self.say(label + line)


class Log:
    """A child's log file and its last lines. A disk that is full costs the log, not the child."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.last_lines: deque[str] = deque(maxlen=REMEMBERED)
        self._partial = b""
        with contextlib.suppress(OSError):
            shorten(file)

    def take(self, data: bytes) -> Iterable[str]:
        """Write what the child said and return the lines that it completes."""
        with contextlib.suppress(OSError):
            with self.file.open("ab") as stream:
                stream.write(data)
            shorten(self.file)
        *complete, self._partial = (self._partial + data).split(b"\n")
        if len(self._partial) > LOG_LIMIT:
            complete, self._partial = [*complete, self._partial], b""
        lines = [line.decode(errors="replace").rstrip("\r") for line in complete]
        self.last_lines.extend(lines)
        return lines


def shorten(file: Path) -> None:
    """Set a long log aside, in place of the one set aside before."""
    if file.is_file() and file.stat().st_size > LOG_LIMIT:
        file.replace(file.with_name(f"{file.name}.1"))
