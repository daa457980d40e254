"""Readers that misbehave as parsers do, to be run in the child process in place of the real one."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from knowledge.ingestion.progress import tell
from knowledge.ingestion.reading import Limits, Reading


def name_what_it_sees(path: Path, *, filename: str, limits: Limits) -> Reading:
    return Reading(json.dumps({"environment": dict(os.environ), "modules": list(sys.modules)}), "x")


def take_memory(path: Path, *, filename: str, limits: Limits) -> Reading:
    hoard = []
    while True:
        hoard.append(bytearray(1_000_000))


def take_time(path: Path, *, filename: str, limits: Limits) -> Reading:
    while True:
        pass


def wait_at(path: Path, *, filename: str, limits: Limits) -> Reading:
    """Say "x" into the named pipe given as the document, hold it open and wait for ever."""
    os.write(os.open(path, os.O_WRONLY), b"x")
    while True:
        signal.pause()


def leave_another_waiting_at(path: Path, *, filename: str, limits: Limits) -> Reading:
    """Start a process that waits as `wait_at` does, hear it say so, and end as if all were well."""
    pipe = os.open(path, os.O_WRONLY)
    code = f"import os, signal; os.write({pipe}, b'x'); print('here', flush=True); signal.pause()"
    other = subprocess.Popen([sys.executable, "-c", code], pass_fds=[pipe], stdout=subprocess.PIPE)
    assert other.stdout is not None
    return Reading(other.stdout.readline().decode(), "x")


def open_many_files(path: Path, *, filename: str, limits: Limits) -> Reading:
    opened = [os.open(path, os.O_RDONLY) for _ in range(limits.open_files)]
    return Reading(f"opened {len(opened)}", "x")


def answer_too_much(path: Path, *, filename: str, limits: Limits) -> Reading:
    return Reading("x" * (limits.answer_bytes + 1), "x")


def read_wild_memory(path: Path, *, filename: str, limits: Limits) -> Reading:
    ctypes.string_at(1)
    raise AssertionError("unreachable")


def answer_nonsense(path: Path, *, filename: str, limits: Limits) -> Reading:
    sys.stdout.write('{"reading": {"content": "x", "pages": [')
    sys.stdout.flush()
    os._exit(0)


def tells_and_sleeps(path: Path, *, filename: str, limits: Limits) -> Reading:
    tell(3, 7)
    time.sleep(0.5)
    return Reading(content="Slowly read.", file_type="txt")
