"""What runs in the child process that reads one file, forked from `knowledge.ingestion.nursery`.

The request comes as JSON on standard input, the answer goes as JSON to standard output: either
{"reading": {...}} or {"unreadable": "reason"}, each with what the process could not be sealed with
("unsealed"). After a newline follow the attachments of the reading. Anything else means that the
reader crashed.
Django is never imported here.
"""

import os
import resource
import struct
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson

from knowledge.ingestion.progress import listening
from knowledge.ingestion.reading import Attachment, Limits, UnreadableDocument
from knowledge.ingestion.seal import seal

TOO_SLOW = "Reading the file took too long. It may be damaged; otherwise split it into parts."
TOO_BIG = "Reading the file needed too much memory. Split it into parts."

# What is read of how many pages, kept at the beginning of a file that the worker looks into.
PROGRESS = struct.Struct("<II")
PROGRESS_DESCRIPTOR = 3


def main() -> None:
    request = orjson.loads(sys.stdin.buffer.read())
    limits = Limits(**request["limits"])
    _confine(limits)
    unsealed = seal(readable=[Path(request["path"])])
    attachments: tuple[Attachment, ...] = ()
    try:
        with listening(lambda done, of: _note(PROGRESS_DESCRIPTOR, done, of)):
            answer, attachments = _answer(request, limits)
        said = orjson.dumps(answer | {"unsealed": unsealed})
    except MemoryError:
        said = orjson.dumps({"unreadable": TOO_BIG, "unsealed": unsealed})
    sys.stdout.buffer.write(said + b"\n")
    for attachment in attachments:
        sys.stdout.buffer.write(attachment.content)


def _note(descriptor: int, done: int, of: int) -> None:
    os.pwrite(descriptor, PROGRESS.pack(done, of), 0)


def _confine(limits: Limits) -> None:
    """Take from this process, for good, what reading a file does not need.

    Past the CPU time comes SIGXCPU, which ends the process, and a second later SIGKILL. macOS does
    not hold a process to the limit of memory.
    """
    cpu = limits.cpu_seconds
    for kind, soft, hard in (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_CPU, cpu, cpu + 1),
        (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
        (resource.RLIMIT_FSIZE, limits.answer_bytes, limits.answer_bytes),
    ):
        ceiling = resource.getrlimit(kind)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(kind, (soft, hard))


def _answer(
    request: dict[str, Any], limits: Limits
) -> tuple[dict[str, Any], tuple[Attachment, ...]]:
    module, _, function = request["reader"].partition(":")
    read = getattr(import_module(module), function)
    try:
        reading = read(Path(request["path"]), filename=request["filename"], limits=limits)
    except UnreadableDocument as error:
        return {"unreadable": error.reason}, ()
    return {"reading": reading.to_fields()}, reading.attachments
