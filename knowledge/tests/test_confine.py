import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from knowledge.ingestion.confine import read_in_child
from knowledge.ingestion.read import read_document
from knowledge.ingestion.reading import Limits, UnreadableDocument

SAMPLES = Path(__file__).parent / "samples"
ROOT = Path(__file__).parents[2]
LONG_ENOUGH = 60_000  # milliseconds: nothing waits this long unless it is broken


def hostile(name):
    return f"knowledge.tests.hostile_readers:{name}"


def refusal(*args, **kwargs):
    with pytest.raises(UnreadableDocument) as refused:
        read_in_child(*args, filename="report.pdf", **kwargs)
    return refused.value.reason


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "document"
    path.write_text("Hello")
    return path


class Waiter:
    """A named pipe that a hostile reader holds open for as long as it lives."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)

    def heard(self):
        """Wait until a reader has said that it runs."""
        return bool(self._poll.poll(LONG_ENOUGH)) and os.read(self._descriptor, 1) == b"x"

    def is_alone(self):
        """Wait until every process that held the pipe is dead."""
        return bool(self._poll.poll(LONG_ENOUGH)) and os.read(self._descriptor, 1) == b""

    def close(self):
        os.close(self._descriptor)


@pytest.fixture
def waiter(tmp_path):
    waiter = Waiter(tmp_path / "pipe")
    yield waiter
    waiter.close()


@pytest.mark.parametrize("name", ["handbook.pdf", "README.md"])
def test_a_child_reads_what_this_process_would(name):
    path = SAMPLES / name
    assert read_in_child(path, filename=name) == read_document(path, filename=name)


def test_a_child_answers_with_every_character(tmp_path):
    path = tmp_path / "text"
    path.write_text('"\\ \N{GRINNING FACE} \u2028 漢字\n' * 10_000)
    assert read_in_child(path, filename="x") == read_document(path, filename="x")


def test_a_file_name_may_be_anything(document):
    assert read_in_child(document, filename="\ud800\0'\n.md").file_type == "md"


def test_a_relative_path_is_found(document, monkeypatch):
    monkeypatch.chdir(document.parent)
    assert read_in_child(Path(document.name), filename="x").content == "Hello"


def test_a_reason_comes_back_from_the_child():
    assert "password" in refusal(SAMPLES / "protected.pdf")


def test_a_missing_file_is_not_the_documents_fault(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_in_child(tmp_path / "gone", filename="x")


def test_a_child_sees_no_secret_and_loads_no_django(document, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    seen = json.loads(
        read_in_child(document, filename="x", reader=hostile("name_what_it_sees")).content
    )
    assert "SECRET_KEY" not in seen["environment"]
    assert "django" not in seen["modules"]
    assert "numpy" not in seen["modules"]


def test_too_much_memory_is_refused(document):
    limits = Limits(memory_bytes=200 * 1024**2)
    assert "memory" in refusal(document, limits=limits, reader=hostile("take_memory"))


def test_a_bomb_is_refused():
    assert "memory" in refusal(SAMPLES / "bomb.pdf", limits=Limits(memory_bytes=200 * 1024**2))


def test_too_much_processor_time_is_refused(document):
    limits = Limits(cpu_seconds=1)
    assert "too long" in refusal(document, limits=limits, reader=hostile("take_time"))


def test_a_child_that_hangs_is_ended(document):
    assert "too long" in refusal(document, limits=Limits(seconds=1), reader=hostile("wait_at"))


def test_what_a_child_started_is_ended_with_it(waiter):
    reading = read_in_child(waiter.path, filename="x", reader=hostile("leave_another_waiting_at"))
    assert reading.content == "here\n"
    assert waiter.heard()
    assert waiter.is_alone()


def test_a_child_dies_with_its_parent(waiter):
    code = (
        "from pathlib import Path; from knowledge.ingestion.confine import read_in_child;"
        f"read_in_child(Path({str(waiter.path)!r}), filename='x', reader={hostile('wait_at')!r})"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as parent:
        try:
            assert waiter.heard()
        finally:
            parent.send_signal(signal.SIGKILL)
    assert waiter.is_alone()


@pytest.mark.parametrize(
    "name", ["open_many_files", "answer_too_much", "read_wild_memory", "answer_nonsense"]
)
def test_a_reader_that_crashes_is_survived_and_logged(document, caplog, name):
    limits = Limits(open_files=20, characters=1000)
    assert "damaged" in refusal(document, limits=limits, reader=hostile(name))
    assert "a reader ended with status" in caplog.text
