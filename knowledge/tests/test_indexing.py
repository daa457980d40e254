"""`manage.py index_organizations`, as it is run."""

import io
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from common.logins import OWNER
from common.tests.support import until
from knowledge import indexing
from knowledge.embedding import embedder
from knowledge.models import ChunkEmbedding, Document
from knowledge.search.nearest import index_name
from knowledge.tests.vectors import fill
from tenants.context import acting_for
from tenants.deletion import delete
from tenants.testing import as_owner
from tenants.tests import catalogue
from tenants.tests.sql import connect, run

pytestmark = pytest.mark.django_db(transaction=True)

MODEL = embedder().name


@pytest.fixture(autouse=True)
def no_index_is_left(transactional_db):
    yield
    for name in indexes():
        run(f"DROP INDEX {name}")


def index_organizations(**options):
    said = io.StringIO()
    with as_owner():
        call_command("index_organizations", **{"at_least": 100, "stdout": said, **options})
    return said.getvalue()


def indexes():
    """Whether it is whole, by the name of each index."""
    found = run(
        "SELECT indexrelid::regclass::text, indisvalid FROM pg_index"
        " WHERE indexrelid::regclass::text LIKE 'knowledge_nearest_%'"
    )
    return dict(found)


def index_of(organization):
    return index_name(organization.pk, MODEL)


@contextmanager
def a_writer():
    """A transaction that has written to the table: a build waits for its end."""
    with connect(OWNER) as writer, writer.transaction():
        writer.execute("LOCK TABLE knowledge_chunkembedding IN ROW EXCLUSIVE MODE")
        yield


@contextmanager
def a_run():
    """The command in a process of its own."""
    database = connection.settings_dict
    host = quote(str(database["HOST"]), safe="")
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://chancery_app@/{database['NAME']}?host={host}",
        "DATABASE_OWNER_URL": f"postgresql://{OWNER}@/{database['NAME']}?host={host}",
        "CHANCERY_HOME": str(settings.MEDIA_ROOT.parent),
    }
    process = subprocess.Popen(
        [sys.executable, settings.ROOT / "manage.py", "index_organizations", "--at-least=100"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def builder():
    """The process of PostgreSQL that builds an index."""
    found = run("SELECT pid FROM pg_stat_progress_create_index")
    return found[0][0] if found else None


def test_a_large_organization_gets_an_index_and_a_small_one_none(acme, globex):
    fill(acme, documents=10, each=12)
    fill(globex, documents=9, each=11)
    said = index_organizations()
    assert indexes() == {index_of(acme): True}
    assert "acme: the index of 120 passages built in" in said
    assert "1 built done." in said
    assert index_organizations() == "Nothing done.\n"


def test_a_dry_run_says_what_it_would_do_and_does_nothing(acme):
    fill(acme, documents=10, each=12)
    assert index_organizations(dry_run=True) == (
        "acme: the index of 120 passages would be built\n1 built would be done.\n"
    )
    assert not indexes()


def test_one_organization_can_be_named(acme, globex):
    for organization in (acme, globex):
        fill(organization, documents=10, each=12)
    index_organizations(organization="globex")
    assert indexes() == {index_of(globex): True}
    with pytest.raises(CommandError, match="no organization nobody"):
        index_organizations(organization="nobody")


@pytest.mark.parametrize("options", [{"at_least": 0}, {"memory": 0}])
def test_numbers_that_make_no_sense_are_refused(db, options):
    with pytest.raises(CommandError):
        index_organizations(**options)


@pytest.mark.parametrize(("left", "stays"), [(5, True), (4, False)])
def test_an_index_stays_until_half_of_what_it_takes_is_left(acme, left, stays):
    filled = fill(acme, documents=10, each=10)
    index_organizations()
    with acting_for(acme):
        Document.objects.exclude(pk__in=filled.documents[:left]).update(is_deleted=False)
        for pk in filled.documents[left:]:
            delete(Document.objects.get(pk=pk))
    index_organizations()
    assert bool(indexes()) == stays


def test_documents_that_are_read_anew_keep_the_index(acme):
    fill(acme, documents=10, each=10)
    index_organizations()
    with acting_for(acme):
        Document.objects.update(processing_status="pending", is_processed=False)
    index_organizations()
    assert indexes() == {index_of(acme): True}


def test_the_index_of_a_model_that_is_gone_is_dropped(acme):
    fill(acme, documents=10, each=10)
    index_organizations()
    with acting_for(acme):
        Document.objects.update(embedding_model="another")
        ChunkEmbedding.objects.update(embedding_model="another")
    assert "1 built, 1 dropped done." in index_organizations()
    assert indexes() == {index_name(acme.pk, "another"): True}


def test_the_index_of_an_organization_that_is_gone_is_dropped(acme):
    fill(acme, documents=10, each=10)
    index_organizations()
    run("DELETE FROM knowledge_chunkembedding")
    run("DELETE FROM knowledge_documentchunk")
    run("DELETE FROM knowledge_document")
    assert "1 dropped done." in index_organizations()
    assert not indexes()


def test_what_an_interrupted_build_left_is_built_anew(acme):
    fill(acme, documents=10, each=10)
    [step] = planned()
    with connect(OWNER) as owner, a_writer():
        owner.execute("SET lock_timeout = '10ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            owner.execute(indexing._create(step))
    assert indexes() == {index_of(acme): False}
    assert "1 built anew done." in index_organizations()
    assert indexes() == {index_of(acme): True}


def planned():
    with as_owner():
        return indexing.plan(at_least=100)


def test_a_build_that_fails_leaves_nothing_and_is_named(acme, globex, monkeypatch):
    fill(acme, documents=10, each=10)
    fill(globex, documents=10, each=20)
    monkeypatch.setattr(indexing, "EFFORT", "m = 1")  # PostgreSQL refuses it
    errors = io.StringIO()
    with pytest.raises(CommandError, match="2 built not done"):
        index_organizations(stderr=errors)
    assert "acme: the index of 100 passages could not be built: value 1 out of" in errors.getvalue()
    assert not indexes()


def test_of_two_runs_at_once_one_leaves_everything_to_the_other(acme):
    fill(acme, documents=10, each=10)
    with connect(OWNER) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [indexing._LOCK])
        assert "Another run is at work" in index_organizations()
        assert not indexes()
    index_organizations()
    assert indexes()


def test_a_build_says_how_far_it_is(acme, monkeypatch):
    fill(acme, documents=10, each=10)
    monkeypatch.setattr(indexing, "SECONDS_BETWEEN_REPORTS", 0.01)
    [step] = planned()
    reports = []
    with connect(OWNER) as writer, as_owner(), indexing.alone():
        writer.execute("BEGIN; LOCK TABLE knowledge_chunkembedding IN ROW EXCLUSIVE MODE")

        def progress(*report):
            reports.append(report)
            writer.execute("ROLLBACK")

        indexing.carry_out(step, progress=progress)
    assert reports[0] == ("waiting for writers before build", 0, 0)


def test_a_run_whose_process_is_killed_is_made_up_for(acme):
    fill(acme, documents=10, each=10)
    with a_writer(), a_run() as process:
        until(builder)
        process.send_signal(signal.SIGKILL)
        process.wait()
        until(lambda: builder() is None)  # PostgreSQL notices, and stops building
        assert indexes() == {index_of(acme): False}
        with acting_for(acme):
            assert ChunkEmbedding.objects.count() == 100
    index_organizations()
    assert indexes() == {index_of(acme): True}


def test_a_run_whose_connection_is_ended_says_so_and_is_made_up_for(acme):
    fill(acme, documents=10, each=10)
    with a_writer(), a_run() as process:
        run("SELECT pg_terminate_backend(%s)", [until(builder)])
        said = process.stdout.read()
        assert process.wait() == 1
    assert "could not be built" in said
    assert "Traceback" not in said
    index_organizations()
    assert indexes() == {index_of(acme): True}


def test_such_an_index_disturbs_no_look_at_the_schema(acme):
    before = catalogue.everything()
    fill(acme, documents=10, each=10)
    index_organizations()
    assert indexes()
    assert catalogue.everything() == before
