"""Read a file in a child process, so that no file can take the worker's memory, time or life."""

import json
import logging
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import orjson

from knowledge.ingestion.child import PROGRESS, TOO_BIG, TOO_SLOW
from knowledge.ingestion.progress import tell
from knowledge.ingestion.reading import Limits, Reading, UnreadableDocument

logger = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[2]
_CHILD = [sys.executable, "-m", "knowledge.ingestion.child"]
_READER = "knowledge.ingestion.read:read_document"
_CRASHED = (
    "The file could not be read: it is damaged, or too large or complex for its reader."
    " Open it, save it anew and upload that."
)
_LOOKED_UP = 0.5  # seconds; how often the child's progress is looked at
_SIGNALS = {
    -signal.SIGXCPU: TOO_SLOW,
    -signal.SIGKILL: TOO_BIG,  # by the kernel, when the machine has no memory left
    -signal.SIGABRT: TOO_BIG,  # by PDFium, when it gets no memory
}


def read_in_child(
    path: Path, *, filename: str, limits: Limits | None = None, reader: str = _READER
) -> Reading:
    """Read a file as `read_document` does, in a process of its own that is held to the limits.

    The child sees none of this process's environment, so none of its secrets, and dies with it.
    `reader` names the function to call there ("module:function"). Raises UnreadableDocument, also
    for a limit passed or a reader crashed, and OSError if the file is not there.
    """
    path = path.resolve(strict=True)
    limits = limits or Limits()
    request = {
        "path": str(path),
        "filename": filename.encode(errors="replace").decode(),
        "limits": asdict(limits),
        "reader": reader,
        "parent": os.getpid(),
    }
    with (
        TemporaryFile() as question,
        TemporaryFile() as answer,
        TemporaryFile() as complaints,
        TemporaryFile() as progress,
    ):
        request["progress"] = progress.fileno()
        question.write(json.dumps(request).encode())
        question.seek(0)
        status = run_to_the_end(
            _CHILD, question, answer, complaints, progress, seconds=limits.seconds
        )
        answer.seek(0)
        complaints.seek(0)
        return _reading(status, answer.read(), complaints.read(10_000))


def run_to_the_end(
    command: list[str],
    question: IO[bytes],
    answer: IO[bytes],
    complaints: IO[bytes],
    progress: IO[bytes],
    *,
    seconds: float,
) -> int:
    """Run a child to its end and return its exit status. It leads a process group of its own,
    and whatever else it started, where nothing keeps it from that, goes with it."""
    child = subprocess.Popen(  # noqa: S603 (no command comes from a client)
        command,
        stdin=question,
        stdout=answer,
        stderr=complaints,
        cwd=_ROOT,
        env={"LANG": "C.UTF-8"},
        start_new_session=True,
        pass_fds=[progress.fileno()],
    )
    try:
        return _wait(child, progress, seconds)
    except subprocess.TimeoutExpired:
        raise UnreadableDocument(TOO_SLOW)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _wait(child: subprocess.Popen[bytes], progress: IO[bytes], seconds: float) -> int:
    """The child's exit status, or TimeoutExpired. Meanwhile its progress is passed on."""
    deadline = time.monotonic() + seconds
    while True:
        left = max(deadline - time.monotonic(), 0)
        try:
            return _wait_a_little(child, min(left, _LOOKED_UP))
        except subprocess.TimeoutExpired:
            if left <= _LOOKED_UP:
                raise
        said = os.pread(progress.fileno(), PROGRESS.size, 0)
        if len(said) == PROGRESS.size:
            tell(*PROGRESS.unpack(said))


def _wait_a_little(child: subprocess.Popen[bytes], seconds: float) -> int:
    """As `Popen.wait`, which alone looks up to 50 ms too late."""
    try:
        descriptor = os.pidfd_open(child.pid)
    except (AttributeError, OSError):  # macOS has none, and a sandbox may forbid it
        return child.wait(seconds)
    try:
        ended = select.poll()
        ended.register(descriptor, select.POLLIN)
        ended.poll(1000 * seconds)
    finally:
        os.close(descriptor)
    return child.wait(0)


def _reading(status: int, answer: bytes, complaints: bytes) -> Reading:
    if status in _SIGNALS:
        raise UnreadableDocument(_SIGNALS[status])
    try:
        end = answer.find(b"\n")
        if end < 0:
            raise ValueError("an answer that was cut short")
        fields = orjson.loads(answer[:end])
        if fields["unsealed"]:
            _say_once(tuple(fields["unsealed"]))
        if "unreadable" in fields:
            raise UnreadableDocument(fields["unreadable"])
        return Reading.from_fields(fields["reading"], memoryview(answer)[end + 1 :])
    except (ValueError, KeyError, TypeError):
        said = complaints.decode(errors="replace")
        logger.error("a reader ended with status %d and said: %s", status, said)
        raise UnreadableDocument(_CRASHED)


@cache
def _say_once(missing: tuple[str, ...]) -> None:
    logger.warning(
        "This system does not offer %s: what reads files is held to limits of memory and time,"
        " but a reader that a hostile file took over could open connections or other files.",
        " and ".join(missing),
    )
