"""Each hostile file through the real child, under the limits of the product."""

import socket
import time
from contextlib import suppress

import pytest

from knowledge.ingestion.children import End
from knowledge.ingestion.confine import read_in_child
from knowledge.ingestion.pipeline import ingest
from knowledge.ingestion.reading import Limits, UnreadableDocument
from knowledge.models import Document
from knowledge.services import RefusedUpload
from knowledge.testing import upload
from knowledge.tests.hostile import CASES, make
from tenants.context import acting_for

SECONDS = 30
GOOD = "The next document is read."


@pytest.fixture(scope="module")
def server():
    """A server to which some files refer, and which nobody may call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture(scope="module")
def report(request):
    """Says something where a person sees it, with `-s`."""
    return (
        request.config.get_terminal_writer().line if request.config.option.capture == "no" else str
    )


def nobody_called(server):
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return True
    return False


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] if case.is_slow or number % 3 else [])
        for number, (name, case) in enumerate(CASES.items())
    ],
)
def test_a_hostile_file_is_read_or_refused_with_a_reason(tmp_path, server, caplog, report, name):
    case, path = CASES[name], tmp_path / "upload"
    size = make(name, path, server.getsockname()[1])
    ends: list[End] = []
    start = time.monotonic()
    try:
        reading = read_in_child(path, filename=name, on_end=ends.append)
        outcome = f"{len(reading.content)} characters"
    except UnreadableDocument as error:
        reading = None
        outcome = error.reason
    [end] = ends
    seconds, memory = end.cpu_seconds, end.peak_kilobytes * 1024
    report(
        f"{name:40} {size / 1e6:6.2f} MB {seconds:5.1f} s of a processor,"
        f" {time.monotonic() - start:5.1f} s, up to {memory / 1e6:4.0f} MB: {outcome}"
    )
    assert seconds < SECONDS
    assert memory < Limits().memory_bytes
    assert nobody_called(server)
    if case.says is not None:
        assert reading is not None, outcome
        assert case.says in reading.content
    if case.reason is not None:
        with pytest.raises(UnreadableDocument, match=case.reason):
            raise_what(outcome, reading)
    if reading is None:
        assert outcome.endswith("."), outcome
    assert "Traceback" not in caplog.text, "a reader crashed, which tells nobody why"


def raise_what(outcome, reading):
    if reading is None:
        raise UnreadableDocument(outcome)


def test_there_are_many_of_each_kind():
    assert len(CASES) >= 80


def test_the_next_document_is_read(tmp_path):
    path = tmp_path / "good"
    path.write_text(GOOD)
    assert read_in_child(path, filename="good.txt").content == GOOD


# One of each kind, through the pipeline, each before a document that must be read after it.
IN_THE_PIPELINE = [
    "entities-elsewhere.docx",
    "flat-bomb.docx",
    "bomb.pdf",
    "page-tree-circle.pdf",
    "deep-parts.eml",
    "bomb-attached.eml",
    "elsewhere.html",
    "noise.txt",
]


def test_a_worker_goes_on_after_hostile_files(people, server, acme):
    """Read as a worker does, one after the other, in this process and its children."""
    owner, port = people["acme-owner"], server.getsockname()[1]
    statuses = {}
    for name in IN_THE_PIPELINE:
        with suppress(RefusedUpload):
            hostile = upload(CASES[name].content(port), by=owner, filename=name)
            statuses[name] = end_of(hostile)
        good = upload(f"{GOOD} After {name}.", by=owner, filename="good.txt")
        assert end_of(good).processing_status == "completed"
    for name, document in statuses.items():
        if document.processing_status == "failed":
            assert document.error.endswith("."), name
        else:
            assert document.processing_status == "completed", name
    assert statuses["bomb.pdf"].processing_status == "failed"
    assert statuses["elsewhere.html"].processing_status == "completed"
    assert statuses["bomb-attached.eml"].processing_status == "completed"
    assert nobody_called(server)


def end_of(document):
    """The document once it was read."""
    ingest(document.organization_id, document.pk)
    with acting_for(document.organization_id):
        return Document.objects.get(pk=document.pk)
