"""Two connections serve many organizations, whatever goes wrong with the requests before."""

import asyncio
import http.client
import json
import os
import re
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from urllib.parse import quote

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection, connections

from agents.models import Message
from agents.runtime import blocks
from agents.runtime.blocks import in_block, in_database_thread
from common.logins import APP, PLATFORM
from common.tests.support import free_port, until
from config.tests.faulty_server import FAULTS, RAISED, ROLLED_BACK
from tenants.api.testing import token_of
from tenants.context import acting_for, bound_organization_id, current_organization_id
from tenants.models import Project, Role, User
from tenants.services import create_organization, create_user
from tenants.testing import as_owner
from tenants.tests.racing import pool_of_two, race
from tenants.tests.rows import CANARY, make_one_of_each

pytestmark = pytest.mark.django_db(transaction=True)

FEW = (10, 320)  # organizations, and requests or tasks
MANY = pytest.param(50, 10_000, marks=pytest.mark.long)
MANY_TASKS = pytest.param(50, 2_000, marks=pytest.mark.long)
CLIENTS = 16
LISTS = ("users", "projects", "documents", "agents", "roles", "conversations")
FINE = (200, 201, 204)
SERVER_FAULTS = {"broken": 500, "late": 500, "killed": 500, RAISED: 500, ROLLED_BACK: None}


@pytest.fixture
def organizations(transactional_db, request):
    with as_owner():
        return [
            create_organization(name=f"{CANARY}-{slug}", slug=slug)
            for slug in (f"o{number:02}" for number in range(request.param))
        ]


@pytest.fixture
def rows(organizations):
    """A row of each kind in each organization, in whose every text stands whose it is."""
    return {organization.slug: make_one_of_each(organization) for organization in organizations}


@pytest.fixture
def tokens(rows):
    """The secret of a token of an owner in each organization, by slug."""
    found = {}
    for slug, made in rows.items():
        organization = made["tenants.Organization"]
        with acting_for(organization):
            owner = create_user(
                organization=organization,
                username=f"owner-{slug}",
                email=f"owner@{slug}.test",
                full_name=f"{CANARY}-{slug}",
                roles=[Role.objects.get(name="Owner", organization=None)],
            )
        found[slug] = token_of(owner)
    return found


@pytest.fixture
def server(tmp_path, transactional_db):
    """The port of a web process with two connections to the test's database."""
    found = connection.settings_dict
    place = f"{found['NAME']}?host={quote(str(found['HOST']), safe='')}"
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://{APP}@/{place}",
        "DATABASE_PLATFORM_URL": f"postgresql://{PLATFORM}@/{place}",
        "DATABASE_POOL_SIZE": "2",
        "CHANCERY_HOME": str(tmp_path),
    }
    port, script = free_port(), Path(__file__).with_name("faulty_server.py")
    process = subprocess.Popen([sys.executable, str(script), str(port)], env=environment)

    def answers():
        assert process.poll() is None
        with suppress(OSError):
            return send(port, "GET", "/health/live")[0] == 200

    until(answers)
    yield port
    process.kill()
    process.wait()


def send(port, method, path, *, headers=(), body=None, patience=60.0):
    """(status, headers, body) of an answer; one that does not come in time is left."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
    try:
        kind = {"Content-Type": "application/json"} if body else {}
        client.request(method, path, body and json.dumps(body), {**dict(headers), **kind})
        answer = client.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        client.close()


def asked(random, slug, made):
    """A request of an organization, and the path of the same row when it is another's."""
    own = f"/api/v1/projects/{made['tenants.Project'].pk}/"
    return random.choice(
        [
            *(("GET", f"/api/v1/{name}/", None) for name in LISTS),
            ("GET", "/api/v1/organization/", None),
            ("GET", "/api/v1/me/", None),
            ("GET", own, None),
            ("PATCH", own, {"description": f"{CANARY}-{slug} {random.random()}"}),
            ("POST", "/api/v1/projects/", {"name": f"{CANARY}-{slug}"}),
            ("POST", "/api/v1/search/", {"query": "canary", "mode": "text"}),
        ]
    )


def many_requests(port, tokens, rows, seed, requests):
    """Send requests of one organization after the other; return what came, and what was foreign."""
    random, came, foreign = Random(seed), Counter(), []
    for _ in range(requests):
        slug = random.choice(list(tokens))
        method, path, body = asked(random, slug, rows[slug])
        fault = random.choice([*FAULTS, RAISED, ROLLED_BACK, *["none"] * 12])
        is_left = fault == "slow" and random.random() < 0.5
        headers = {"Authorization": f"Bearer {tokens[slug]}", "X-Fault": fault}
        try:
            status, said, text = send(
                port, method, path, headers=headers, body=body, patience=0.02 if is_left else 60.0
            )
        except TimeoutError:
            came["left by the client"] += 1
            continue
        shown = set(re.findall(rf"{CANARY}-(\w+)", text))
        if shown - {slug} or said["X-Left"]:
            foreign.append((slug, method, path, fault, status, shown, said["X-Left"]))
        came[fault if fault in SERVER_FAULTS else status] += 1
        came["own rows shown"] += slug in shown
        if SERVER_FAULTS.get(fault):
            assert status == SERVER_FAULTS[fault], (fault, status, text)
        elif fault != ROLLED_BACK:
            assert status in FINE or (method, status) == ("POST", 409), (path, status, text)
    return came, foreign


@pytest.mark.parametrize(("organizations", "requests"), [FEW, MANY], indirect=["organizations"])
def test_requests_that_share_two_connections_are_answered_each_for_themselves(
    server, tokens, rows, requests
):
    each = requests // CLIENTS
    clients = [partial(many_requests, server, tokens, rows, seed, each) for seed in range(CLIENTS)]
    ran = race(*clients, patience=1200)
    assert not [error for error in ran if isinstance(error, Exception)]
    assert [row for _, foreign in ran for row in foreign] == []
    came = sum((counted for counted, _ in ran), Counter())
    print(requests, "requests:", dict(came))  # noqa: T201 (pytest -s)
    assert came["own rows shown"] > requests / 4
    assert all(came[fault] for fault in (*SERVER_FAULTS, "left by the client"))
    left = {send(server, "GET", "/health/live")[1]["X-Left"] for _ in range(20)}
    assert left == {""}
    for slug, made in rows.items():
        with acting_for(made["tenants.Organization"]):
            texts = {p.name for p in Project.objects.all()} | {
                p.description for p in Project.objects.all() if p.description
            }
            assert {text.split()[0] for text in texts} == {f"{CANARY}-{slug}"}


TOLD = "SELECT coalesce(current_setting('app.organization_id', true), '')"


def told():
    with connection.cursor() as cursor:
        cursor.execute(TOLD)
        return cursor.fetchone()[0]


def fail():
    raise ZeroDivisionError


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


ENDS = [fail, *(partial(execute, fault) for fault in FAULTS.values()), *[lambda: None] * 8]


def look(organization_id, end):
    """What a block sees that is not its organization's; how it ends is given."""
    seen = [told(), *User.objects.values_list("organization_id", flat=True)]
    seen += Message.objects.values_list("organization_id", flat=True)
    seen += [bound_organization_id(connection), current_organization_id()]
    assert len(seen) >= 4
    end()
    return [value for value in seen if str(value) != str(organization_id)]


def block(organization_id, end):
    """The same without the runtime's threads, in one function as it must be."""
    try:
        with acting_for(organization_id):
            return look(organization_id, end)
    finally:
        connections.close_all()


async def a_turn(organization_id, seed):
    """Blocks with waits in between; return what was foreign, and how many came to their end."""
    random, foreign, ended = Random(seed), [], 0
    for _ in range(3):
        end = random.choice(ENDS)
        with suppress(ZeroDivisionError, DatabaseError):
            if random.random() < 0.3:
                found = await sync_to_async(block, thread_sensitive=False)(organization_id, end)
            else:
                found = await in_block(organization_id, look, organization_id, end)
            foreign, ended = foreign + found, ended + 1
        foreign += [value for value in [await in_database_thread(told)] if value]
        foreign += [value for value in [current_organization_id()] if value]
        await asyncio.sleep(random.random() / 100)
    return foreign, ended


async def many_turns(organization_ids, count):
    """Run them at once, a tenth of them cancelled somewhere; return what became of each."""
    random = Random(0)
    tasks = [
        asyncio.create_task(a_turn(random.choice(organization_ids), seed)) for seed in range(count)
    ]
    for task in tasks[::10]:
        asyncio.get_running_loop().call_later(random.random() * count / 200, task.cancel)
    return await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(("organizations", "tasks"), [FEW, MANY_TASKS], indirect=["organizations"])
def test_tasks_that_share_two_connections_see_each_their_own(organizations, rows, tasks):
    with pool_of_two():
        ran = asyncio.run(many_turns([organization.pk for organization in organizations], tasks))
        assert {blocks._THREADS.submit(told_alone).result() for _ in range(20)} == {""}
    cancelled = [one for one in ran if isinstance(one, asyncio.CancelledError)]
    finished = [one for one in ran if isinstance(one, tuple)]
    print(tasks, "tasks:", len(finished), "finished,", len(cancelled), "cancelled")  # noqa: T201
    assert len(finished) + len(cancelled) == tasks
    assert [row for foreign, _ in finished for row in foreign] == []
    assert sum(ended for _, ended in finished) > tasks
    assert cancelled


def told_alone():
    try:
        return told()
    finally:
        connections.close_all()
