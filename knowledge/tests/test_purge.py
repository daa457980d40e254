"""What purging does to documents: their passages, their files, and files that nobody names."""

import os
import time
from pathlib import Path

import pytest

from common.ids import uuid7
from knowledge.models import ChunkEmbedding, Document, DocumentChunk, Posting
from knowledge.testing import read_document, upload
from tenants.context import acting_as_platform, acting_for
from tenants.deletion import delete
from tenants.tests.purging import let_time_pass, purge, tally_of

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
TEXT = "# Leave\n\nEverybody has 25 days of vacation a year.\n"
DAY = 24 * 60 * 60


@pytest.fixture(autouse=True)
def _storage_of_its_own(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def owner(people):
    return people["acme-owner"]


@pytest.fixture
def document(owner):
    return read_document(TEXT, by=owner)


def path_of(document):
    return Path(document.file.path)


def plant(path, age):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("left over")
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def test_a_document_goes_with_its_passages_and_its_file(acme, owner, document):
    kept = read_document(TEXT, by=owner, filename="kept.md")
    with acting_for(acme):
        delete(document)
    let_time_pass()
    foretold = tally_of(acme, dry_run=True)
    assert path_of(document).exists()
    assert (foretold.files, foretold.bytes) == (1, len(TEXT))
    assert "1 file (51 bytes)" in purge()
    assert not path_of(document).exists()
    assert path_of(kept).exists()
    with acting_for(acme):
        assert Document.all_objects.get() == kept
        for model in (DocumentChunk, ChunkEmbedding):
            rows = model._base_manager.values_list("document_id", flat=True)
            assert set(rows) == {kept.pk}
        entries = Posting.objects.values_list("block", "entries")
        places = {block << 16 | entry >> 44 for block, packed in entries for entry in packed}
        assert places == {Document.objects.get().place}


def test_a_file_that_is_gone_already_is_no_obstacle(acme, document):
    path_of(document).unlink()
    with acting_for(acme):
        delete(document)
    let_time_pass()
    assert "1 document" in purge()
    assert "file" not in purge()


def test_a_file_that_no_row_names_goes_when_it_is_a_day_old(acme, document):
    directory = path_of(document).parent
    old = plant(directory / str(uuid7()), 2 * DAY)
    very_old = plant(directory / "what-is-this", 900 * DAY)
    young = plant(directory / str(uuid7()), DAY / 2)
    assert "2 files" in purge(dry_run=True)
    assert old.exists()
    assert "acme: 2 files (18 bytes)" in purge()
    assert not old.exists()
    assert not very_old.exists()
    assert young.exists()
    assert path_of(document).exists()


def test_a_file_that_a_deleted_row_names_is_not_left_over(acme, document):
    plant(path_of(document), 2 * DAY)
    with acting_for(acme):
        delete(document)
    assert purge() == "nothing removed.\n"
    assert path_of(document).exists()


def test_files_of_an_organization_that_this_database_does_not_know_are_left_alone(settings):
    """They may be those of another database, connected by mistake."""
    stranger = plant(Path(settings.MEDIA_ROOT) / str(uuid7()) / str(uuid7()), 90 * DAY)
    assert purge() == "nothing removed.\n"
    assert stranger.exists()


def test_an_organization_goes_with_its_files_and_their_directory(acme, people, document):
    others = upload(TEXT, by=people["globex-owner"])
    directory = path_of(document).parent
    plant(directory / str(uuid7()), 0)
    with acting_as_platform():
        delete(acme)
    let_time_pass()
    assert "2 files" in purge()
    assert not directory.exists()
    assert path_of(others).exists()


def test_a_file_that_cannot_be_removed_is_left_to_the_next_run(acme, document, caplog):
    directory = path_of(document).parent
    path_of(document).unlink()
    path_of(document).mkdir()
    (path_of(document) / "in the way").touch()
    with acting_for(acme):
        delete(document)
    let_time_pass()
    assert "1 document" in purge()
    assert "cannot be removed" in caplog.text
    (directory / str(document.pk) / "in the way").unlink()
