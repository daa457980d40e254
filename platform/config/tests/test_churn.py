"""Many write, join, leave, delete and restore at once, and fail half way: counters stay exact."""

import io
from collections import Counter
from contextlib import suppress
from functools import partial
from random import Random

import pytest
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.core.management import call_command
from django.db import Error, connection
from procrastinate.exceptions import ConnectorException
from psycopg.errors import DeadlockDetected

from agents.models import Conversation, Message
from agents.services import (
    AgentNotPublished,
    TurnInProgress,
    post_message,
    start_conversation,
    stop_reply,
)
from agents.testing import make_agent
from tenants.baker_recipes import user_recipe, user_role_recipe
from tenants.catalogue import catalogue_id
from tenants.context import acting_for
from tenants.counters import QuotaExceeded
from tenants.deletion import Gone, RestoreConflict, delete, restore
from tenants.models import Organization, OrganizationUsage, Project, Role, User
from tenants.services import add_member, create_project, create_user, remove_member
from tenants.testing import as_owner
from tenants.tests.racing import race
from tenants.tests.sql import run

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE, PROJECTS = 8, 4
REFUSALS = (
    AgentNotPublished,
    ObjectDoesNotExist,
    PermissionDenied,
    Gone,
    QuotaExceeded,
    RestoreConflict,
    TurnInProgress,
)
# What every counter must say, asked without any of the code that keeps them.
WRONG = """
    SELECT 'users', o.id, u.users, (SELECT count(*) FROM tenants_user
        WHERE organization_id = o.id AND NOT is_deleted)
    FROM tenants_organization o JOIN tenants_organizationusage u ON u.organization_id = o.id
    UNION ALL
    SELECT 'projects', o.id, u.projects, (SELECT count(*) FROM tenants_project
        WHERE organization_id = o.id AND NOT is_deleted)
    FROM tenants_organization o JOIN tenants_organizationusage u ON u.organization_id = o.id
    UNION ALL
    SELECT 'members', p.id, p.member_count, (SELECT count(*) FROM tenants_projectmember m
        JOIN tenants_user u ON u.id = m.user_id AND NOT u.is_deleted WHERE m.project_id = p.id)
    FROM tenants_project p WHERE NOT p.is_deleted
    UNION ALL
    SELECT 'messages', c.id, c.message_count, (SELECT count(*) FROM agents_message
        WHERE conversation_id = c.id AND NOT is_deleted)
    FROM agents_conversation c WHERE NOT c.is_deleted
"""


class Churn:
    """People, projects and conversations of an organization, and what may be done to them."""

    def __init__(self, organization):
        self.organization = organization
        self.people = [user_recipe.make(is_active=True) for _ in range(PEOPLE)]
        manager = Role.objects.get(pk=catalogue_id("role", "Manager"))
        for person in self.people:
            user_role_recipe.make(user=person, role=manager)
        self.projects = [
            create_project(organization_id=organization.pk, name=f"Project {number}")
            for number in range(PROJECTS)
        ]
        agent = make_agent(by=self.people[0], model_name="extractive")
        self.conversations = []
        for number, person in enumerate(self.people):
            project = self.projects[number % PROJECTS]
            add_member(project=project, user=person)
            self.conversations.append(start_conversation(agent=agent, project=project, by=person))

    def step(self, random):
        """Do one thing; it may be refused."""
        verbs = [self.write] * 8 + [self.stop] * 8 + [self.join] * 4 + [self.leave] * 2
        verbs += [self.delete, self.restore, self.restore, self.hire]
        random.choice(verbs)(random)

    def write(self, random):
        conversation = Conversation.objects.get(pk=random.choice(self.conversations).pk)
        post_message(conversation=conversation, content="Why?", by=conversation.user)

    def stop(self, random):
        if reply := Message.objects.filter(status="pending").order_by("?").first():
            stop_reply(reply=reply, by=reply.conversation.user)

    def _place(self, random):
        return {
            "project": Project.objects.get(pk=random.choice(self.projects).pk),
            "user": User.objects.get(pk=random.choice(self.people).pk),
        }

    def join(self, random):
        add_member(**self._place(random))

    def leave(self, random):
        remove_member(**self._place(random))

    def hire(self, random):
        name = f"hired-{random.random()}".replace("0.", "")
        create_user(organization=self.organization, username=name, email=f"{name}@acme.test")

    def delete(self, random):
        messages = Message.objects.order_by("?")[:PEOPLE]
        delete(random.choice([*self.people, *self.projects, *self.conversations, *messages]))

    def restore(self, random):
        for model in (User, Project, Conversation, Message):  # none before what it belongs to
            deleted = model.all_objects.deleted().order_by("?").first()
            if deleted and random.random() < 0.8:
                return restore(deleted)
        return None

    def bring_back(self):
        """Restore all that comes back, parents first."""
        for row in [*self.people, *self.projects, *self.conversations]:
            with suppress(*REFUSALS):
                restore(row)


def wrong():
    """What the counters say that is not so."""
    found = run(WRONG)
    assert len(found) >= 4
    return [row for row in found if row[2] != row[3]]


def fail(random):
    raise ZeroDivisionError


def lose_the_connection(random):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def kill_somebody(random):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity"
            " WHERE usename = current_user AND datname = current_database()"
            " AND pid <> pg_backend_pid() AND state <> 'idle' ORDER BY random() LIMIT 1) AS one"
        )


ENDS = [fail, lose_the_connection, kill_somebody, *[lambda random: None] * 12]


def causes(error):
    """An error and what led to it, each once: contexts may go round."""
    found = []
    while error and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def work(churn, seed, steps):
    """Take steps, each a transaction of its own that may fail at its end; count what happened."""
    random, happened = Random(seed), Counter()
    for _ in range(steps):
        try:
            with acting_for(churn.organization):
                churn.step(random)
                random.choice(ENDS)(random)
            happened["done"] += 1
        except REFUSALS:
            happened["refused"] += 1
        except ZeroDivisionError:
            happened["failed"] += 1
        except (Error, ConnectorException) as error:
            said = causes(error)
            assert not any(isinstance(cause, DeadlockDetected) for cause in said), said
            assert any("connection" in str(cause) for cause in said), said
            connection.close()
            happened["cut off"] += 1
    return happened


@pytest.mark.parametrize(
    ("threads", "steps"), [(8, 25), pytest.param(32, 50, marks=pytest.mark.long)]
)
def test_whatever_happens_at_once_the_counters_are_exact(acme, people, threads, steps):
    with as_owner():
        Organization.objects.filter(pk=acme.pk).update(max_users=30)
    with acting_for(acme):
        churn = Churn(acme)
    with as_owner():
        call_command("verify_counters", repair=True, stdout=io.StringIO())
    connection.close()
    ran = race(*(partial(work, churn, seed, steps) for seed in range(threads)), patience=600)
    assert not [found for found in ran if isinstance(found, Exception)], ran
    happened = sum(ran, Counter())
    print(threads * steps, "steps:", dict(happened))  # noqa: T201 (pytest -s)
    assert all(happened[name] for name in ("done", "refused", "failed", "cut off")), happened
    assert sum(happened.values()) == threads * steps
    assert wrong() == []
    with acting_for(acme):
        churn.bring_back()
    assert wrong() == []
    said = io.StringIO()
    with as_owner():
        call_command("verify_counters", stdout=said)
    assert "all right" in said.getvalue()
    with acting_for(acme):
        usage = OrganizationUsage.objects.get()
        assert usage.users <= 30
        assert Conversation.objects.filter(message_count__gt=2).exists()
