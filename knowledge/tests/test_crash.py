"""What happens to a document when its worker is killed: real processes, real time."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from common.logins import APP, PLATFORM
from common.tests.support import until
from knowledge.models import ChunkEmbedding, Document, DocumentChunk
from knowledge.testing import upload
from tenants.context import acting_for

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]

PARAGRAPH = "Everybody has 25 days of vacation a year. What is left over expires in March. " * 20


@pytest.fixture
def workers():
    """Starts workers of the test's database; ends those that are left."""
    database = connection.settings_dict
    place = f"{database['NAME']}?host={quote(str(database['HOST']), safe='')}"
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://{APP}@/{place}",
        "DATABASE_PLATFORM_URL": f"postgresql://{PLATFORM}@/{place}",
        "CHANCERY_HOME": str(Path(settings.MEDIA_ROOT).parent),
    }
    command = [settings.ROOT / "manage.py", "procrastinate", "worker", "--queues", "ingestion"]
    started = []

    def start():
        worker = subprocess.Popen([sys.executable, *command], env=environment)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.kill()
        worker.wait()


def now(document):
    with acting_for(document.organization_id):
        return Document.objects.get(pk=document.pk)


def test_a_document_whose_worker_is_killed_is_completed_by_the_next_one(people, workers):
    document = upload("\n\n".join([PARAGRAPH] * 100), by=people["acme-owner"])
    first = workers()
    until(lambda: now(document).processing_status == "processing")
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert now(document).processing_status == "processing"

    killed = time.monotonic()
    workers()
    until(lambda: now(document).attempts == 2)
    assert time.monotonic() - killed < 30
    until(lambda: now(document).processing_status == "completed")
    with acting_for(document.organization_id):
        chunks = DocumentChunk.all_objects.filter(document=document).count()
        assert chunks == ChunkEmbedding.objects.count() == now(document).chunk_count


def test_a_worker_that_is_told_to_end_gives_the_document_back(people, workers):
    document = upload("\n\n".join([PARAGRAPH] * 1_000), by=people["acme-owner"])
    worker = workers()
    until(lambda: now(document).processing_status == "processing")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=60) == 0
    assert (now(document).processing_status, now(document).attempts) in {
        ("pending", 0),
        ("completed", 1),  # it was nearly done
    }
