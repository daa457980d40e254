"""Few connections, many threads, many organizations: nobody is answered for somebody else."""

from contextlib import suppress
from functools import partial
from itertools import chain
from random import Random

import pytest
from django.db import DatabaseError, connection, transaction

from tenants.baker_recipes import organization_recipe, user_recipe
from tenants.context import NoOrganization, acting_for
from tenants.models import User
from tenants.testing import as_owner
from tenants.tests.racing import pool_of_two, race

THREADS = 16
ORGANIZATIONS = 50
TOLD = "SELECT coalesce(current_setting('app.organization_id', true), '')"


@pytest.fixture
def few_connections(transactional_db):
    with pool_of_two():
        yield


@pytest.fixture
def organizations(transactional_db):
    with as_owner():
        made = organization_recipe.make(_quantity=ORGANIZATIONS)
    for organization in made:
        with acting_for(organization):
            user_recipe.make()
    return made


def ask(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def fail(organization):
    raise ZeroDivisionError


def break_a_constraint(organization):
    User.objects.create(username="no@address", email=f"{organization.pk}@a.test")


def take_too_long(organization):
    ask("SET LOCAL statement_timeout = '5ms'; SELECT pg_sleep(5)")


def lose_the_connection(organization):
    ask("SELECT pg_terminate_backend(pg_backend_pid())")


def roll_back(organization):
    transaction.set_rollback(True)


def close(organization):
    connection.close()


def act_again(organization):
    with acting_for(organization):
        User.objects.count()


def nothing(organization):
    pass


ENDS = [
    fail,
    break_a_constraint,
    take_too_long,
    lose_the_connection,
    roll_back,
    close,
    act_again,
    *[nothing] * 5,
]


def foreign_rows(organization):
    """What is seen inside a block that is not the organization's."""
    seen = chain(
        ask(TOLD),
        ask("SELECT DISTINCT organization_id FROM tenants_user"),
        ask("SELECT id FROM tenants_organization"),
        User.all_objects.values_list("organization_id"),
    )
    return [value for (value,) in seen if str(value) != str(organization.pk)]


def many_blocks(organizations, seed, blocks):
    """Run blocks one after the other; return what was seen of others, and how many there were."""
    random = Random(seed)
    found, finished = [], 0
    for _ in range(blocks):
        organization, end = random.choice(organizations), random.choice(ENDS)
        block = acting_for(organization, read_only=random.random() < 0.3)
        with suppress(ZeroDivisionError, DatabaseError), block:
            found += foreign_rows(organization)
            finished += 1
            end(organization)
        found += [value for (value,) in ask(TOLD) if value]
        with suppress(NoOrganization):
            found += User.all_objects.values_list("organization_id")
        if random.random() < 0.7:
            connection.close()  # as at the end of a request: another thread takes it
    return found, finished


@pytest.mark.parametrize("blocks", [480, pytest.param(10_000, marks=pytest.mark.long)])
def test_a_connection_used_by_many_answers_each_for_themselves(
    organizations, few_connections, blocks
):
    each = blocks // THREADS
    threads = [partial(many_blocks, organizations, seed, each) for seed in range(THREADS)]
    ran = race(*threads, patience=1200)
    assert not [error for error in ran if isinstance(error, Exception)]
    assert [row for found, _ in ran for row in found] == []
    assert sum(finished for _, finished in ran) == each * THREADS


def test_the_blocks_would_notice_what_the_one_before_left(organizations, few_connections):
    """A setting that outlives its transaction is what must never be written."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET app.organization_id = '{organizations[0].pk}'")
    found, _ = many_blocks(organizations[1:], seed=1, blocks=1)
    assert found == [str(organizations[0].pk)]
