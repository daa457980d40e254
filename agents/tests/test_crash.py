import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from agents.providers import FAMILIES, Family
from agents.services import post_message
from agents.testing import ask, kept_events, reread, streamed
from common import jobs
from common.logins import APP, PLATFORM
from tenants.context import acting_for

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.05)


async def retry_stalled():
    async with app.open_async():
        await jobs.retry_stalled("turns")


def taken_up_again():
    with app.replace_connector(app.connector.get_worker_connector()):
        asyncio.run(retry_stalled())
    return ProcrastinateJob.objects.get(task_name="agents.tasks.run_turn").status == "todo"


@pytest.fixture
def slow_worker(tmp_path):
    """A process that runs turns of the test's database."""
    database = connection.settings_dict
    place = f"{database['NAME']}?host={quote(str(database['HOST']), safe='')}"
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://{APP}@/{place}",
        "DATABASE_PLATFORM_URL": f"postgresql://{PLATFORM}@/{place}",
        "CHANCERY_HOME": str(tmp_path),
    }
    script = Path(__file__).with_name("slow_worker.py")
    worker = subprocess.Popen([sys.executable, str(script)], env=environment)
    yield worker
    worker.kill()
    worker.wait()


def test_a_worker_that_is_killed_leaves_an_interrupted_reply(
    people, slow_worker, monkeypatch, settings
):
    async def never_asked(request):
        raise AssertionError("the question is not answered a second time")
        yield

    monkeypatch.setitem(FAMILIES, "slow", Family(("slow",), provider=never_asked))
    member = people["acme-member"]
    reply = ask(member, model_name="slow")
    until(lambda: len(kept_events(reply)) == 2)
    slow_worker.kill()
    slow_worker.wait()
    assert reread(reply).status == "pending"

    settings.PROCRASTINATE_WORKER_DEFAULTS = {"stalled_worker_timeout": 0.1}
    until(taken_up_again)
    with app.replace_connector(app.connector.get_worker_connector()) as worker:
        worker.run_worker(queues=["turns"], wait=False, install_signal_handlers=False)

    reply = reread(reply)
    assert (reply.status, reply.content) == ("interrupted", "Twel")
    kinds = [kind for _, kind, _ in streamed(reply)]
    assert kinds == ["message.started", "text.delta", "message.failed"]
    with acting_for(member.organization_id):
        post_message(conversation=reply.conversation, content="Again", by=member)
