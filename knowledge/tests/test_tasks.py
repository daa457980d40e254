import asyncio
import json

import pytest
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from common import jobs
from knowledge import tasks
from knowledge.baker_recipes import document as document_recipe
from knowledge.ingestion import pipeline
from knowledge.models import Document
from knowledge.search import embed_query, search
from knowledge.services import reprocess_documents
from knowledge.testing import upload
from tenants.context import acting_for
from tenants.deletion import delete, restore

with_worker = pytest.mark.usefixtures("transactional_db", "_nothing_periodic")
TEXT = "Everybody has 25 days of vacation a year."


@pytest.fixture
def owner(people):
    return people["acme-owner"]


def now(document):
    with acting_for(document.organization_id):
        return Document.all_objects.get(pk=document.pk)


def jobs_of(document):
    return ProcrastinateJob.objects.filter(queueing_lock=f"ingest:{document.pk}")


def sweep():
    return tasks.queue_waiting_documents(timestamp=0)


@pytest.fixture
def _nothing_periodic(monkeypatch):
    """Every periodic task is overdue for longer than this."""
    monkeypatch.setitem(app.periodic_defaults, "max_delay", -1)


def run_worker():
    """Let a real worker run what is in the queue, and end."""

    async def work():
        async with app.open_async():
            await app.run_worker_async(
                queues=[tasks.QUEUE],
                wait=False,
                install_signal_handlers=False,
                listen_notify=False,
                delete_jobs="never",
            )

    with app.replace_connector(app.connector.get_worker_connector()):
        asyncio.run(work())


def sql(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else None


def test_the_task_reads_a_document(acme, owner):
    document = upload(TEXT, by=owner)
    tasks.ingest_document(organization_id=str(acme.pk), document_id=str(document.pk))
    assert now(document).processing_status == "completed"


def test_a_job_carries_ids_and_nothing_else(acme, owner):
    document = upload(TEXT, by=owner)
    assert jobs_of(document).get().args.keys() == {"organization_id", "document_id"}


def test_the_job_belongs_to_the_organization_it_names(acme, globex, owner):
    document = upload(TEXT, by=owner)
    tasks.ingest_document(organization_id=str(globex.pk), document_id=str(document.pk))
    assert now(document).processing_status == "pending"


@with_worker
def test_a_worker_makes_an_uploaded_document_findable(acme, people):
    owner = people["acme-owner"]
    document = upload(TEXT, by=owner)
    run_worker()
    assert jobs_of(document).get().status == "succeeded"
    with acting_for(acme):
        [hit] = search(user=owner, query="vacation", vector=embed_query("vacation"))
    assert hit.document_id == document.pk


@with_worker
def test_a_document_that_cannot_be_read_does_not_hold_up_the_next(people):
    owner = people["acme-owner"]
    broken = upload(b"%PDF-1.7 and nothing of the kind", by=owner, filename="broken.pdf")
    fine = upload(TEXT, by=owner)
    run_worker()
    assert now(broken).processing_status == "failed"
    assert now(fine).processing_status == "completed"


@with_worker
def test_the_document_of_a_killed_worker_is_taken_up_again(people):
    document = upload(TEXT, by=people["acme-owner"])
    [[worker]] = sql(
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute')"
        " RETURNING id"
    )
    sql("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s", worker)
    with acting_for(document.organization_id):
        Document.objects.update(processing_status="processing", attempts=1)
    tasks.retry_stalled_jobs.defer(timestamp=0)
    run_worker()
    assert (now(document).processing_status, now(document).attempts) == ("completed", 2)
    assert not ProcrastinateWorker.objects.exists()


@with_worker
def test_the_job_of_a_killed_worker_gives_way_to_one_that_waits(people):
    owner = people["acme-owner"]
    document = upload(TEXT, by=owner)
    sql("UPDATE procrastinate_jobs SET status = 'doing'")
    with acting_for(document.organization_id):
        reprocess_documents(documents=[document], by=owner)
    assert sorted(jobs_of(document).values_list("status", flat=True)) == ["doing", "todo"]
    tasks.retry_stalled_jobs.defer(timestamp=0)
    run_worker()
    assert jobs_of(document).get().status == "succeeded"
    assert now(document).processing_status == "completed"


@with_worker
def test_the_jobs_of_a_living_worker_are_left_to_it(people):
    document = upload(TEXT, by=people["acme-owner"])
    [[worker]] = sql("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
    sql("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s", worker)
    tasks.retry_stalled_jobs.defer(timestamp=0)
    run_worker()
    assert jobs_of(document).get().status == "doing"
    assert now(document).processing_status == "pending"


@with_worker
def test_after_an_accident_the_sweep_queues_another_attempt(people, monkeypatch):
    document = upload(TEXT, by=people["acme-owner"])

    def accident(*args, **options):
        raise RuntimeError("an accident")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "split", accident)
        run_worker()
    assert jobs_of(document).get().status == "failed"
    assert (now(document).processing_status, now(document).attempts) == ("pending", 1)
    assert sweep() == 1
    run_worker()
    assert (now(document).processing_status, now(document).attempts) == ("completed", 2)


class TestSweep:
    """Documents that wait and have no job."""

    def test_documents_of_every_organization_are_queued_once(self, acme, globex):
        waiting = []
        for organization in (acme, globex):
            with acting_for(organization):
                waiting.append(document_recipe.make())
        assert sweep() == 2
        assert sweep() == 0
        for document in waiting:
            assert jobs_of(document).get().args == {
                "organization_id": str(document.organization_id),
                "document_id": str(document.pk),
            }

    @pytest.mark.parametrize("status", ["todo", "doing"])
    def test_what_has_a_job_is_left_to_it(self, owner, status):
        upload(TEXT, by=owner)
        sql("UPDATE procrastinate_jobs SET status = %s", status)
        assert sweep() == 0

    def test_what_was_being_read_is_queued(self, acme):
        with acting_for(acme):
            document_recipe.make(processing_status="processing", attempts=1)
        assert sweep() == 1

    def test_what_failed_or_is_deleted_is_left_until_it_comes_back(self, acme):
        with acting_for(acme):
            document_recipe.make(processing_status="failed")
            deleted = document_recipe.make()
            delete(deleted)
        assert sweep() == 0
        with acting_for(acme):
            restore(deleted)
        assert sweep() == 1

    def test_it_learns_ids_and_nothing_else(self, acme):
        with acting_for(acme):
            document = document_recipe.make()
        assert sql("SELECT * FROM knowledge_find_waiting(10)") == [(acme.pk, document.pk)]


def test_a_worker_says_that_it_lives_more_often_than_it_is_missed(settings):
    worker = settings.PROCRASTINATE_WORKER_DEFAULTS
    assert worker["update_heartbeat_interval"] * 3 <= worker["stalled_worker_timeout"]


@with_worker
def test_jobs_that_failed_are_forgotten_after_a_week(people):
    upload(TEXT, by=people["acme-owner"])
    upload(TEXT, by=people["globex-owner"])
    sql("UPDATE procrastinate_jobs SET status = 'doing'")
    sql("UPDATE procrastinate_jobs SET status = 'failed'")
    old = ProcrastinateJob.objects.order_by("pk").first().pk
    sql("UPDATE procrastinate_events SET at = at - interval '8 days' WHERE job_id = %s", old)
    tasks.remove_old_jobs.defer(timestamp=0)
    run_worker()
    kept = ProcrastinateJob.objects.filter(task_name=tasks.ingest_document.name)
    assert old not in kept.values_list("pk", flat=True)
    assert kept.count() == 1


def test_a_lock_lets_one_job_wait(db):
    task = tasks.ingest_document
    arguments = {"organization_id": "1", "document_id": "2"}
    assert jobs.defer(task, queueing_lock="a", **arguments)
    assert not jobs.defer(task, queueing_lock="a", **arguments)
    assert jobs.defer(task, queueing_lock="b", **arguments)
    assert ProcrastinateJob.objects.count() == 2
    assert json.dumps(ProcrastinateJob.objects.first().args)
