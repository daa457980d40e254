"""Workers, uploads and PostgreSQL are killed at each named point, and at random: nothing is lost,
doubled or stuck, and `verify_knowledge` finds nothing."""

import random
import time
from pathlib import Path
from pkgutil import resolve_name

import pytest

from common.tests.support import until
from knowledge.ingestion.pipeline import INTERRUPTED
from knowledge.tests.crash_process import POINTS, UPLOAD_POINTS
from knowledge.tests.crashing import LONG, installation

VICTIMS = ("worker", "postgresql")
SETTLED = 8 * LONG  # seconds; hundreds of documents may wait


@pytest.fixture(scope="module")
def running_place():
    with installation() as made:
        yield made


@pytest.fixture
def place(running_place):
    yield running_place
    running_place.kill()


def upload(place, organization="acme", *death):
    """Upload a document; its id, or what was said before the end."""
    process = place.run("upload", *death)
    said, _ = process.communicate(f"{organization} {time.monotonic_ns()}\n", timeout=LONG)
    return said.strip(), process


def nothing_is_wrong(place):
    until(place.is_settled, SETTLED)
    assert place.doubled() == []
    assert "all right" in place.manage("verify_knowledge", "--digests")
    assert "all right" in place.manage("verify_counters")


def test_each_point_names_a_function_that_there_is():
    for name, _, _ in (POINTS | UPLOAD_POINTS).values():
        assert callable(resolve_name(name)), name


@pytest.mark.long
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("point", POINTS)
def test_a_document_outlives_a_kill_while_it_is_read(place, point, victim):
    pk, _ = upload(place)
    recoveries = place.recoveries()
    worker = place.run("work", point, victim)
    if victim == "worker":
        assert place.has_ended_by_a_kill(worker)
    else:
        until(lambda: place.recoveries() > recoveries, LONG)
    worker.kill()
    before = place.documents()
    assert pk in before
    place.run("work")
    until(lambda: place.documents()[pk][0] == "completed", LONG)
    status, error, attempts = place.documents()[pk]
    assert (status, error) == ("completed", "")
    assert attempts <= 2
    nothing_is_wrong(place)
    assert place.documents().keys() == before.keys()


@pytest.mark.long
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("point", UPLOAD_POINTS)
def test_an_upload_is_there_wholly_or_not_at_all(place, point, victim):
    before = place.documents().keys()
    _, process = upload(place, "acme", point, victim)
    assert process.returncode != 0 or victim == "postgresql"
    new = place.documents().keys() - before
    assert len(new) == (point == "upload committed")
    place.run("work")
    nothing_is_wrong(place)
    assert all(place.documents()[pk][0] == "completed" for pk in new)


def kill_at_random(place, times, seed=7):
    """Upload and kill, again and again. What an upload said is there must stay there."""
    chance = random.Random(seed)
    told = set()
    for round_ in range(times):
        said, _ = upload(place, chance.choice(["acme", "globex"]))
        told.add(said)
        worker = place.run("work")
        time.sleep(chance.uniform(1.0, 6.0))
        if round_ % 4 == 3:
            killer = place.run("kill")
            killer.wait(LONG)
            place.rows("SELECT 1")
        worker.kill()
        worker.communicate()
    place.run("work")
    nothing_is_wrong(place)
    documents = place.documents()
    assert told <= documents.keys()
    for status, error, attempts in documents.values():
        assert status == "completed" or (status, error, attempts) == ("failed", INTERRUPTED, 3)
    stored = [path for path in (Path(place.home) / "files").rglob("*") if path.is_file()]
    assert {path.name for path in stored} >= documents.keys()
    return documents


def test_a_handful_of_kills_at_random_times_does_no_harm(place):
    kill_at_random(place, 2)


@pytest.mark.long
def test_a_hundred_kills_at_random_times_do_no_harm(place):
    documents = kill_at_random(place, 100, seed=11)
    assert len(documents) >= 100
