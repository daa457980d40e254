"""Read a file in a child process, so that no file can take the worker's memory, time or life."""

import json
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import orjson

from knowledge.ingestion.child import PROGRESS, TOO_BIG, TOO_SLOW
from knowledge.ingestion.children import NURSERY, End, Nursery
from knowledge.ingestion.progress import tell
from knowledge.ingestion.reading import Limits, Reading, UnreadableDocument

logger = logging.getLogger(__name__)

_READER = "knowledge.ingestion.read:read_document"
_CRASHED = (
    "The file could not be read: it is damaged, or too large or complex for its reader."
    " Open it, save it anew and upload that."
)
_SIGNALS = {
    -signal.SIGXCPU: TOO_SLOW,
    -signal.SIGKILL: TOO_BIG,  # by the kernel, when the machine has no memory left
    -signal.SIGABRT: TOO_BIG,  # by PDFium, when it gets no memory
}


def read_in_child(
    path: Path,
    *,
    filename: str,
    limits: Limits | None = None,
    reader: str = _READER,
    nursery: Nursery = NURSERY,
    on_end: Callable[[End], None] | None = None,
) -> Reading:
    """Read a file as `read_document` does, in a process of its own that is held to the limits.

    The child sees none of this process's environment, so none of its secrets, and dies with it.
    `reader` names the function to call there ("module:function"); `on_end` is told what the child
    took. Raises UnreadableDocument, also for a limit passed or a reader crashed, OSError if the
    file is not there, and ChildProcessError if no child can be had.
    """
    path = path.resolve(strict=True)
    limits = limits or Limits()
    with (
        TemporaryFile() as question,
        TemporaryFile() as answer,
        TemporaryFile() as complaints,
        TemporaryFile() as progress,
    ):
        request = {
            "path": str(path),
            "filename": filename.encode(errors="replace").decode(),
            "limits": asdict(limits),
            "reader": reader,
        }
        question.write(json.dumps(request).encode())
        question.seek(0)
        end = nursery.run_to_the_end(
            [question, answer, complaints, progress],
            seconds=limits.seconds,
            meanwhile=lambda: _pass_on(progress),
        )
        if on_end:
            on_end(end)
        answer.seek(0)
        complaints.seek(0)
        return _reading(end.status, answer.read(), complaints.read(10_000))


def _pass_on(progress: IO[bytes]) -> None:
    said = os.pread(progress.fileno(), PROGRESS.size, 0)
    if len(said) == PROGRESS.size:
        tell(*PROGRESS.unpack(said))


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
