import json
import os
import select
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryFile

import orjson
import pytest

from knowledge.ingestion import confine
from knowledge.ingestion.children import Nursery
from knowledge.ingestion.confine import read_in_child
from knowledge.ingestion.read import read_document
from knowledge.ingestion.reading import Limits, UnreadableDocument
from knowledge.tests import hostile_readers

SAMPLES = Path(__file__).parent / "samples"
ROOT = Path(__file__).parents[2]
THREADS = ThreadPoolExecutor(4)
LONG_ENOUGH = 60  # seconds: nothing waits this long unless it is broken


def hostile(name):
    return f"knowledge.tests.hostile_readers:{name}"


def unconfined(reader, path):
    """The positive control: what the same reader does in this process."""
    return reader(path, filename="x", limits=Limits())


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
        self._descriptor = None

    def heard(self):
        """Wait until a reader has opened the pipe, as opening it to write does."""
        with ThreadPoolExecutor(max_workers=1) as threads:
            opening = threads.submit(os.open, self.path, os.O_WRONLY)
            try:
                self._descriptor = opening.result(LONG_ENOUGH)
            except TimeoutError:
                os.close(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK))
                os.close(opening.result())
        return self._descriptor is not None

    def is_alone(self):
        """Wait until every process that held the pipe is dead."""
        readers = select.poll()
        readers.register(self._descriptor, 0)
        return bool(readers.poll(1000 * LONG_ENOUGH))

    def close(self):
        if self._descriptor is not None:
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


def test_a_child_that_hangs_is_ended(waiter):
    assert "too long" in refusal(waiter.path, limits=Limits(seconds=1), reader=hostile("wait_at"))


@pytest.fixture
def nursery_of(request):
    """Makes a nursery whose children run a function of `hostile_readers`."""

    def made(name):
        nursery = Nursery(hostile(name))
        request.addfinalizer(nursery.close)
        return nursery

    return made


def in_the_background(nursery, question, seconds=LONG_ENOUGH):
    """Start a child that is asked this, in a thread; its end."""

    def run():
        with TemporaryFile() as asked, TemporaryFile() as nothing:
            asked.write(os.fsencode(question))
            asked.seek(0)
            return nursery.run_to_the_end([asked, nothing, nothing, nothing], seconds=seconds)

    return THREADS.submit(run)


def test_what_a_child_started_is_ended_with_it(waiter, nursery_of):
    running = in_the_background(nursery_of("start_a_waiter"), waiter.path)
    assert waiter.heard()
    assert running.result(LONG_ENOUGH).status == 0
    assert waiter.is_alone()


def test_a_child_that_is_given_up_is_ended(waiter, nursery_of):
    running = in_the_background(nursery_of("be_a_waiter"), waiter.path, seconds=3)
    assert waiter.heard()
    with pytest.raises(UnreadableDocument, match="too long"):
        running.result(LONG_ENOUGH)
    assert waiter.is_alone()


def test_children_end_with_their_nursery(waiter, nursery_of):
    nursery = nursery_of("be_a_waiter")
    running = in_the_background(nursery, waiter.path)
    assert waiter.heard()
    nursery._process.kill()
    with pytest.raises(ChildProcessError):
        running.result(LONG_ENOUGH)
    assert waiter.is_alone()


def test_a_nursery_that_was_killed_is_replaced(document, request):
    nursery = Nursery()
    request.addfinalizer(nursery.close)
    for _ in range(2):
        assert read_in_child(document, filename="x", nursery=nursery).content == "Hello"
        nursery._process.kill()
        nursery._process.wait()


def test_children_end_when_nobody_wants_any_more(waiter, nursery_of):
    nursery = nursery_of("be_a_waiter")
    running = in_the_background(nursery, waiter.path)
    assert waiter.heard()
    nursery.close()
    assert waiter.is_alone()
    with pytest.raises(ChildProcessError):
        running.result(LONG_ENOUGH)


def test_what_one_child_does_the_next_does_not_see(document):
    reader = hostile("count_visits")
    visits = [read_in_child(document, filename="x", reader=reader).content for _ in range(3)]
    assert visits == ["1", "1", "1"]


def test_children_at_the_same_time_are_answered_each_for_itself(tmp_path):
    texts = [f"Number {number}" for number in range(12)]
    for number, text in enumerate(texts):
        (tmp_path / str(number)).write_text(text)
    paths = [tmp_path / str(number) for number in range(len(texts))]
    with ThreadPoolExecutor(4) as threads:
        readings = list(threads.map(lambda path: read_in_child(path, filename="x"), paths))
    assert [reading.content for reading in readings] == texts


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def test_a_child_reaches_no_network(server, document):
    document.write_text(str(server.getsockname()[1]))
    assert "damaged" in refusal(document, reader=hostile("connect_to"))
    with pytest.raises(BlockingIOError):
        server.accept()
    unconfined(hostile_readers.connect_to, document)
    server.accept()[0].close()


@pytest.mark.parametrize("name", ["run_a_program", "fork"])
def test_a_child_starts_no_other(document, name, caplog):
    assert "damaged" in refusal(document, reader=hostile(name))
    assert "Operation not permitted" in caplog.text
    if name == "run_a_program":
        assert unconfined(hostile_readers.run_a_program, document).content == "ran\n"


def test_a_child_may_use_threads(document):
    assert read_in_child(document, filename="x", reader=hostile("start_a_thread")).content == "ran"


def test_a_child_reads_no_other_file(document, caplog):
    document.with_name("secret").write_text("hunter2")
    assert "damaged" in refusal(document, reader=hostile("read_beside"))
    assert "Permission denied" in caplog.text
    assert unconfined(hostile_readers.read_beside, document).content == "hunter2"


@pytest.mark.parametrize("name", ["write_beside", "write_over"])
def test_a_child_writes_nowhere(document, name, caplog):
    assert "damaged" in refusal(document, reader=hostile(name))
    assert "Permission denied" in caplog.text
    assert document.read_text() == "Hello"
    assert [path.name for path in document.parent.iterdir()] == ["document"]
    unconfined(getattr(hostile_readers, name), document)
    assert document.read_text() != "Hello" or document.with_name("written").exists()


def test_a_child_cannot_read_the_data_of_the_installation(document, caplog):
    """The tree may hold it, in var/: a child sees of the tree only the package of readers."""
    assert "damaged" in refusal(document, reader=hostile("read_the_tree"))
    assert "Permission denied" in caplog.text
    assert unconfined(hostile_readers.read_the_tree, document).content


def test_a_system_that_cannot_seal_is_named_once(document, caplog):
    confine._say_once.cache_clear()
    for _ in range(2):
        answer = orjson.dumps({"unreadable": "x", "unsealed": ["seccomp", "Landlock"]}) + b"\n"
        with pytest.raises(UnreadableDocument):
            confine._reading(0, answer, b"")
    assert [record.message for record in caplog.records if "seccomp and Landlock" in record.message]
    assert len(caplog.records) == 1


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
