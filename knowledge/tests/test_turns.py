"""Whose document is read next when several organizations wait."""

import asyncio

import pytest
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from common import jobs
from common.ids import uuid7
from knowledge import tasks, turns
from knowledge.ingestion import pipeline

pytestmark = pytest.mark.django_db

MANY = 300


def queue(organization, count=1):
    for _ in range(count):
        assert tasks.queue_ingestion(organization, uuid7())


def take(count=1):
    """What workers take, one after the other: whose job each is."""
    taken = []
    with connection.cursor() as cursor:
        for _ in range(count):
            cursor.execute(
                "SELECT args ->> 'organization_id' FROM procrastinate_fetch_job_v2(%s, NULL)",
                [[tasks.QUEUE]],
            )
            taken += cursor.fetchone()
    return taken


@pytest.fixture
def large():
    return uuid7()


@pytest.fixture
def small():
    return uuid7()


def test_a_single_upload_does_not_wait_for_the_many_of_another(large, small):
    queue(large, MANY)
    queue(small)
    assert take(2) == [str(large), str(small)]


def test_nor_does_it_when_many_have_been_read_already(large, small):
    queue(large, MANY)
    take(MANY // 2)
    queue(small)
    assert str(small) in take(2)


def test_two_that_have_many_take_turns(large, small):
    queue(large, MANY)
    take(10)
    queue(small, MANY)
    taken = take(100)
    assert abs(taken.count(str(large)) - taken.count(str(small))) <= 2


def test_a_stream_of_single_uploads_does_not_starve_the_many(large, small):
    queue(large, MANY)
    taken = []
    for _ in range(50):
        queue(small)
        taken += take(2)
    assert taken.count(str(large)) >= 49


def test_one_organization_is_read_in_the_order_of_its_uploads(large):
    queue(large, MANY)
    with connection.cursor() as cursor:
        numbers = []
        for _ in range(MANY):
            cursor.execute("SELECT id FROM procrastinate_fetch_job_v2(%s, NULL)", [[tasks.QUEUE]])
            numbers += cursor.fetchone()
    assert numbers == sorted(numbers)


def test_what_is_taken_up_again_comes_first(large, small):
    queue(small)
    take()
    queue(large, MANY)
    job = ProcrastinateJob.objects.get(status="doing")
    with connection.cursor() as cursor:
        cursor.execute("SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", [job.pk])
    assert take() == [str(small)]


def test_what_keeps_the_queue_going_comes_before_all(large):
    queue(large, 3)
    jobs.defer(tasks.queue_waiting_documents, timestamp=0)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT task_name FROM procrastinate_fetch_job_v2(%s, NULL)", [[tasks.QUEUE]]
        )
        assert cursor.fetchone() == (tasks.queue_waiting_documents.name,)
    queue(large)
    assert ProcrastinateJob.objects.order_by("-pk").first().priority == -3


def test_other_queues_do_not_count(large, small):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, priority)"
            " VALUES ('turns', 't', jsonb_build_object('organization_id', %s::text), -7)",
            [str(small)],
        )
    queue(small)
    assert ProcrastinateJob.objects.get(queue_name=tasks.QUEUE).priority == 0


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_with_ten_thousand_waiting_a_worker_takes_a_single_one_second(monkeypatch, large, small):
    queue(large, 10_000)
    queue(small)
    taken = []

    def note(organization_id, document_id, **options):
        taken.append(organization_id)

    monkeypatch.setitem(app.periodic_defaults, "max_delay", -1)
    monkeypatch.setattr(pipeline, "ingest", note)

    async def work():
        async with app.open_async():
            worker = asyncio.create_task(
                app.run_worker_async(
                    queues=[tasks.QUEUE], install_signal_handlers=False, listen_notify=False
                )
            )
            while len(taken) < 4:
                await asyncio.sleep(0.01)
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)

    with app.replace_connector(app.connector.get_worker_connector()):
        asyncio.run(work())
    assert taken.index(small) == 1


def test_the_next_turn_is_found_by_indexes(large, small):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, priority)"
            " SELECT 'ingestion', 't', jsonb_build_object('organization_id', %s::text), -n"
            " FROM generate_series(1, 10000) n",
            [str(large)],
        )
        for organization in (large, small):
            cursor.execute(
                f"EXPLAIN (FORMAT JSON) {turns._NEXT_PRIORITY}",
                {"queue": tasks.QUEUE, "organization": str(organization)},
            )
            plan = str(cursor.fetchone()[0])
            assert plan.count("Index") >= 2
            assert "Seq Scan" not in plan
