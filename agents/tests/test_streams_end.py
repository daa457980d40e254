"""A stream ends with the token, the session or the right that it was asked for by."""

import asyncio
from contextlib import aclosing

import pytest

from agents import streams
from agents.runtime import events
from agents.runtime.blocks import in_block, in_database_thread
from agents.runtime.events import Kind
from agents.streams import reply_events, reply_json
from agents.testing import ask, read_to_end
from agents.viewing import Viewer
from tenants import accounts, deletion
from tenants import sign_in as sign_in_module
from tenants.api.testing import token_of
from tenants.lookup import find_by_token
from tenants.models import AccessToken, Organization, User, UserRole
from tenants.models.token import digest
from tenants.tests.sql import run

pytestmark = pytest.mark.django_db(transaction=True)


class Request:
    def __init__(self, user):
        self.user, self.auth = user, {"id": user.token_id}
        self.session = type("Session", (), {"session_key": None})


@pytest.fixture(autouse=True)
def asked_each_time(monkeypatch):
    monkeypatch.setattr(sign_in_module, "ASK_EVERY_SECONDS", 0)
    monkeypatch.setattr(streams, "LOOK_EVERY_SECONDS", 0.05)


@pytest.fixture
def reply(people):
    """A pending reply."""
    return ask(people["acme-member"])


@pytest.fixture
def sign_in(people, reply):
    user = find_by_token(digest(token_of(people["acme-member"])))
    return Viewer(Request(user), reply.conversation_id)


def switch_off(user):
    User.objects.filter(pk=user.pk).update(is_active=False)


def change_password(user):
    accounts.set_password(user=user, password="staple a horse to a battery")


def revoke(user):
    deletion.delete(AccessToken.objects.get(user=user))


def suspend(user):
    """By the owner of the database: the application may not."""
    run(
        f"UPDATE {Organization._meta.db_table} SET is_active = false WHERE id = %s",
        [user.organization_id],
    )


def lose_the_role(user):
    UserRole.objects.filter(user=user).delete()


def within_seconds(coroutine):
    async def hurried():
        async with asyncio.timeout(30):
            return await coroutine

    return asyncio.run(hurried())


@pytest.mark.parametrize("end", [switch_off, change_password, revoke, suspend, lose_the_role])
def test_a_stream_tells_nothing_more_once_its_sign_in_has_ended(people, reply, sign_in, end):
    member, place = people["acme-member"], (reply.organization_id, reply.pk)

    async def watch():
        await in_block(reply.organization_id, events.start, reply.pk)
        async with aclosing(reply_events(*place, sign_in=sign_in)) as stream:
            await anext(stream)  # how soon to come back
            first = await anext(stream)
            await in_block(reply.organization_id, end, member)
            await in_block(reply.organization_id, tell, reply)
            rest = [part async for part in stream]
        return first, rest

    first, rest = within_seconds(watch())
    assert b"message.started" in first
    assert rest == []


def tell(reply):
    events.append(reply.pk, [(Kind.TEXT, {"text": "secret"})], after=1)


@pytest.mark.parametrize("end", [switch_off, revoke, deletion.delete])
def test_who_waits_for_the_whole_reply_gets_none_then(people, reply, sign_in, end):
    async def wait():
        waiting = asyncio.create_task(
            read_to_end(reply_json(reply.organization_id, reply.pk, sign_in=sign_in))
        )
        await in_block(reply.organization_id, end, people["acme-member"])
        return await waiting

    assert within_seconds(wait()) == []


def test_a_stream_whose_sign_in_holds_goes_on_to_its_end(people, reply, sign_in):
    async def watch():
        stream = asyncio.create_task(
            read_to_end(reply_events(reply.organization_id, reply.pk, sign_in=sign_in))
        )
        await in_database_thread(lambda: None)
        await in_block(reply.organization_id, events.start, reply.pk)
        await in_block(reply.organization_id, tell, reply)
        await in_block(reply.organization_id, events.end, reply.pk, "completed", "stop")
        return await stream

    body = b"".join(within_seconds(watch()))
    assert b"secret" in body
    assert b"message.completed" in body
