"""Readers that misbehave as parsers do, to be run in the child process in place of the real one."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
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
    """Open the named pipe given as the document, hold it open and wait for ever."""
    os.open(path, os.O_RDONLY)
    while True:
        signal.pause()


def connect_to(path: Path, *, filename: str, limits: Limits) -> Reading:
    """Connect to the port of this machine that the document names."""
    with socket.create_connection(("127.0.0.1", int(path.read_text())), timeout=60):
        return Reading("connected", "x")


def run_a_program(path: Path, *, filename: str, limits: Limits) -> Reading:
    ran = subprocess.run([sys.executable, "-c", "print('ran')"], capture_output=True, check=True)
    return Reading(ran.stdout.decode(), "x")


def fork(path: Path, *, filename: str, limits: Limits) -> Reading:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return Reading("forked", "x")


def start_a_thread(path: Path, *, filename: str, limits: Limits) -> Reading:
    said: list[str] = []
    thread = threading.Thread(target=said.append, args=["ran"])
    thread.start()
    thread.join()
    return Reading(said[0], "x")


def read_beside(path: Path, *, filename: str, limits: Limits) -> Reading:
    """Read a file that lies beside the document."""
    return Reading(path.with_name("secret").read_text(), "x")


def read_the_tree(path: Path, *, filename: str, limits: Limits) -> Reading:
    """Read a file of the installation that is not a reader's."""
    return Reading((Path(__file__).parents[2] / "manage.py").read_text(), "x")


def write_beside(path: Path, *, filename: str, limits: Limits) -> Reading:
    path.with_name("written").write_text("here")
    return Reading("wrote", "x")


def write_over(path: Path, *, filename: str, limits: Limits) -> Reading:
    path.write_text("overwritten")
    return Reading("wrote", "x")


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


_visits = 0


def count_visits(path: Path, *, filename: str, limits: Limits) -> Reading:
    global _visits
    _visits += 1
    return Reading(str(_visits), "x")


# What a child runs in place of all that seals it and reads


def be_a_waiter() -> None:
    """Open the named pipe that standard input names, hold it open and wait for ever."""
    os.open(sys.stdin.read(), os.O_RDONLY)
    while True:
        signal.pause()


def start_a_waiter() -> None:
    """Leave another process behind that waits so, once it does."""
    pipe = sys.stdin.read()
    if os.fork() == 0:
        os.open(pipe, os.O_RDONLY)
        while True:
            signal.pause()
    os.open(pipe, os.O_WRONLY)
