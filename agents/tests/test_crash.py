"""Workers that are killed at any moment of a turn. One of them is in the fast suite, in the same
process, in `test_turn`."""

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

from agents.models import Message
from agents.providers import FAMILIES, Family
from agents.providers.protocol import TextDelta
from agents.services import post_message, regenerate_reply
from agents.testing import answer, ask, kept_events, reread, streamed
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


def environment(home):
    """What a process needs to work with the test's database."""
    database = connection.settings_dict
    place = f"{database['NAME']}?host={quote(str(database['HOST']), safe='')}"
    return os.environ | {
        "DATABASE_URL": f"postgresql://{APP}@/{place}",
        "DATABASE_PLATFORM_URL": f"postgresql://{PLATFORM}@/{place}",
        "CHANCERY_HOME": str(home),
    }


@pytest.fixture
def worker(tmp_path):
    """Start a process that runs turns of the test's database."""
    started = []

    def start(point):
        script = Path(__file__).with_name("slow_worker.py")
        process = subprocess.Popen([sys.executable, str(script), point], env=environment(tmp_path))
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


# At each point: how the reply ends, and the text that it has.
POINTS = {
    "claim": ("completed", "Twelve days."),
    "model": ("interrupted", ""),
    "text": ("interrupted", "Twel"),
    "end": ("interrupted", "Twel"),
    "job": ("completed", "Twelve days."),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_that_is_killed_loses_and_doubles_nothing(
    people, worker, monkeypatch, settings, point
):
    asked = []

    async def says_twelve(request):
        asked.append(request)
        yield TextDelta("Twelve days.")

    monkeypatch.setitem(FAMILIES, "slow", Family(("slow",), provider=says_twelve))
    member = people["acme-member"]
    reply = ask(member, model_name="slow")
    assert worker(point).wait(timeout=60) == -9

    settings.PROCRASTINATE_WORKER_DEFAULTS = {"stalled_worker_timeout": 0.1}
    until(taken_up_again)
    with app.replace_connector(app.connector.get_worker_connector()) as following:
        following.run_worker(queues=["turns"], wait=False, install_signal_handlers=False)

    ended = reread(reply)
    assert (ended.status, ended.content) == POINTS[point]
    assert len(asked) == (point == "claim")  # none is answered a second time
    kinds = [kind for _, kind, _ in streamed(ended)]
    assert kinds[0] == "message.started"
    assert sum(kind in ("message.failed", "message.completed") for kind in kinds) == 1
    with acting_for(member.organization_id):
        assert Message.objects.count() == 2
        again = regenerate_reply(reply=ended, by=member)
    assert answer(again).content == "Twelve days."
    with acting_for(member.organization_id):
        assert Message.objects.count() == 3


def test_a_worker_that_is_killed_from_outside_leaves_an_interrupted_reply(
    people, worker, monkeypatch, settings
):
    async def never_asked(request):
        raise AssertionError("the question is not answered a second time")
        yield

    monkeypatch.setitem(FAMILIES, "slow", Family(("slow",), provider=never_asked))
    member = people["acme-member"]
    reply = ask(member, model_name="slow")
    process = worker("never")
    until(lambda: len(kept_events(reply)) == 2)
    process.kill()
    process.wait()
    assert reread(reply).status == "pending"

    settings.PROCRASTINATE_WORKER_DEFAULTS = {"stalled_worker_timeout": 0.1}
    until(taken_up_again)
    with app.replace_connector(app.connector.get_worker_connector()) as following:
        following.run_worker(queues=["turns"], wait=False, install_signal_handlers=False)

    reply = reread(reply)
    assert (reply.status, reply.content) == ("interrupted", "Twel")
    kinds = [kind for _, kind, _ in streamed(reply)]
    assert kinds == ["message.started", "text.delta", "message.failed"]
    with acting_for(member.organization_id):
        post_message(conversation=reply.conversation, content="Again", by=member)
