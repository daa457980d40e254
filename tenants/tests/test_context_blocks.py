"""What can go wrong in and around a block, one by one."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Thread
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db import (
    DatabaseError,
    Error,
    IntegrityError,
    connection,
    connections,
    transaction,
)

from tenants.baker_recipes import project_recipe
from tenants.context import (
    NoOrganization,
    OrganizationSwitchRefused,
    acting_as_platform,
    acting_for,
    bound_organization_id,
    current_organization_id,
)
from tenants.models import Organization, Project, User

WHO = "SELECT current_setting('app.organization_id', true)"


def told():
    """The organization as PostgreSQL knows it: what policies go by."""
    with connection.cursor() as cursor:
        cursor.execute(WHO)
        return cursor.fetchone()[0] or None


def names():
    return {user.username.split("-")[0] for user in User.objects.all()}


def assert_nothing_is_left():
    assert current_organization_id() is None
    assert bound_organization_id(connection) is None
    assert told() is None
    with pytest.raises(NoOrganization):
        User.objects.count()


def in_a_thread(function, *arguments):
    def run():
        try:
            return function(*arguments)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result(timeout=30)


def test_a_block_inside_a_block_leaves_the_outer_one_as_it_was(acme):
    with acting_for(acme):
        with acting_for(acme), acting_for(str(acme.pk)):
            assert names() == {"acme"}
        assert told() == str(acme.pk)
        assert names() == {"acme"}
    assert_nothing_is_left()


def test_blocks_for_two_organizations_may_follow_each_other_in_one_transaction(acme, globex):
    with transaction.atomic():
        for organization, name in ((acme, "acme"), (globex, "globex"), (acme, "acme")):
            with acting_for(organization):
                assert names() == {name}
            assert_nothing_is_left()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_an_exception_ends_every_block_it_passes(acme, globex, depth):
    def descend(level):
        with acting_for(acme):
            project_recipe.make(name=f"Level {level}")
            if level == depth:
                raise ZeroDivisionError
            descend(level + 1)

    with pytest.raises(ZeroDivisionError):
        descend(1)
    assert_nothing_is_left()
    with acting_for(globex):
        assert names() == {"globex"}
    with acting_for(acme):
        assert not Project.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_exception_caught_between_two_blocks_undoes_the_inner_one(acme):
    with acting_for(acme):
        project_recipe.make(name="Outer")
        with pytest.raises(ZeroDivisionError), acting_for(acme):
            project_recipe.make(name="Inner")
            raise ZeroDivisionError
        assert told() == str(acme.pk)
        assert [project.name for project in Project.objects.all()] == ["Outer"]
    assert_nothing_is_left()


def break_a_constraint():
    User.objects.create(username="no@address", email="a@b.test")


@pytest.mark.django_db(transaction=True)
def test_a_statement_that_fails_undoes_the_block(acme):
    with pytest.raises(IntegrityError), acting_for(acme):
        project_recipe.make()
        break_a_constraint()
    assert_nothing_is_left()
    with acting_for(acme):
        assert not Project.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_broken_transaction_refuses_more_and_leaves_nothing(acme, globex):
    with acting_for(acme):
        project_recipe.make()
        with pytest.raises(IntegrityError):
            break_a_constraint()
        with pytest.raises(transaction.TransactionManagementError):
            Project.objects.count()
    assert_nothing_is_left()
    with acting_for(acme):
        assert not Project.objects.exists()


def test_a_broken_inner_block_leaves_the_outer_one_usable(acme):
    with acting_for(acme):
        with pytest.raises(IntegrityError), acting_for(acme):
            break_a_constraint()
        assert told() == str(acme.pk)
        assert names() == {"acme"}


def test_rolling_back_to_a_savepoint_keeps_the_organization(acme):
    with acting_for(acme):
        savepoint = transaction.savepoint()
        project_recipe.make()
        transaction.savepoint_rollback(savepoint)
        assert told() == str(acme.pk)
        assert not Project.objects.exists()


def test_a_savepoint_around_a_block_takes_it_back(acme, globex):
    with acting_for(acme):
        pass
    with transaction.atomic():
        savepoint = transaction.savepoint()
        with acting_for(acme):
            project_recipe.make()
        transaction.savepoint_rollback(savepoint)
        assert_nothing_is_left()
        with acting_for(globex):
            assert names() == {"globex"}


def test_a_switch_refused_leaves_the_block_as_it_was(acme, globex):
    with acting_for(acme):
        with pytest.raises(OrganizationSwitchRefused, match=str(globex.pk)), acting_for(globex):
            raise AssertionError
        with pytest.raises(OrganizationSwitchRefused), acting_as_platform():
            raise AssertionError
        assert names() == {"acme"}
    assert_nothing_is_left()


@pytest.mark.django_db(databases=["default", "platform"])
def test_platform_staff_act_for_no_organization_meanwhile(acme):
    with acting_as_platform():
        with pytest.raises(OrganizationSwitchRefused, match="the platform"), acting_for(acme):
            raise AssertionError
        with pytest.raises(NoOrganization):
            User.objects.using("default").count()


@pytest.mark.django_db(databases=["default", "platform"])
def test_platform_staffs_login_answers_nobody_else(acme):
    with pytest.raises(NoOrganization):
        User.objects.using("platform").count()
    with acting_for(acme), pytest.raises(NoOrganization):
        User.objects.using("platform").count()
    with acting_as_platform():
        assert User.objects.count() > 0


def test_a_new_thread_acts_for_nobody(acme):
    with acting_for(acme):
        assert in_a_thread(current_organization_id) is None
        with pytest.raises(NoOrganization):
            in_a_thread(User.objects.count)


def test_a_context_carried_into_a_thread_is_not_enough(acme):
    """Its connection was told nothing: row security would answer with an empty list."""
    with acting_for(acme):
        context = copy_context()
        assert in_a_thread(context.run, current_organization_id) == acme.pk
        with pytest.raises(NoOrganization):
            in_a_thread(context.run, User.objects.count)
        assert in_a_thread(context.run, names_in_a_block, acme) == {"acme"}


def names_in_a_block(organization):
    with acting_for(organization):
        return names()


def test_a_connection_carried_into_a_thread_is_not_enough(acme):
    """The block is open there, and the thread has no part in it."""
    seen = []

    def run(theirs):
        connections["default"] = theirs
        try:
            User.objects.count()
        except NoOrganization as error:
            seen.append(error)

    connection.inc_thread_sharing()
    try:
        with acting_for(acme):
            thread = Thread(target=run, args=[connections["default"]])
            thread.start()
            thread.join(timeout=30)
    finally:
        connection.dec_thread_sharing()
    assert [type(error) for error in seen] == [NoOrganization]


@pytest.mark.django_db(transaction=True)
def test_a_whole_block_in_one_function_serves_coroutines(acme, globex):
    async def ask():
        organizations = [acme, globex] * 20
        ask_one = sync_to_async(names_in_a_block)
        answers = await asyncio.gather(*(ask_one(organization) for organization in organizations))
        await sync_to_async(connections.close_all)()
        return answers

    assert asyncio.run(ask()) == [{"acme"}, {"globex"}] * 20
    assert current_organization_id() is None


@pytest.mark.django_db(transaction=True)
def test_a_coroutine_cannot_open_a_block_itself(acme):
    async def ask():
        with acting_for(acme):
            return await sync_to_async(names)()

    with pytest.raises(SynchronousOnlyOperation):
        asyncio.run(ask())
    assert current_organization_id() is None


@pytest.mark.django_db(transaction=True)
def test_a_connection_closed_in_the_middle_is_not_opened_again(acme, globex):
    with pytest.raises(Error), acting_for(acme):
        connection.close()
        names()
    assert_nothing_is_left()
    with acting_for(globex):
        assert names() == {"globex"}


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_ends_is_not_taken_for_the_next_block(acme, globex):
    with pytest.raises(Error), acting_for(acme):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        names()
    assert current_organization_id() is None
    assert bound_organization_id(connection) is None
    with acting_for(globex):
        assert names() == {"globex"}


@pytest.mark.django_db(transaction=True)
def test_what_runs_on_commit_is_outside_the_block(acme):
    ran = []

    def on_commit():
        with pytest.raises(NoOrganization):
            Project.objects.count()
        with acting_for(acme):
            ran.append(Project.objects.count())

    with acting_for(acme):
        project_recipe.make()
        transaction.on_commit(on_commit)
    assert ran == [1]


@pytest.mark.django_db(transaction=True)
def test_what_failed_to_commit_leaves_nothing(acme):
    """A transaction that ends in an error when committed: two-phase commit is not set up."""
    with pytest.raises(DatabaseError), acting_for(acme), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '1ms'")
        cursor.execute("SELECT pg_sleep(5)")
    assert_nothing_is_left()


def test_a_queryset_that_is_evaluated_after_the_block_raises(acme):
    with acting_for(acme):
        lazy = User.objects.all()
        related = User.objects.first()
        iterator = User.objects.iterator()
    for evaluate in (lazy.count, lambda: list(lazy), lambda: list(iterator)):
        with pytest.raises(NoOrganization):
            evaluate()
    with pytest.raises(NoOrganization):
        related.refresh_from_db()
    with pytest.raises(NoOrganization):
        list(related.projects.all())


def test_a_queryset_written_in_one_block_answers_for_the_block_it_runs_in(acme, globex):
    lazy = User.objects.all()
    with acting_for(acme):
        assert {user.organization_id for user in lazy.all()} == {acme.pk}
    with acting_for(globex):
        assert {user.organization_id for user in lazy.all()} == {globex.pk}


@pytest.mark.django_db(transaction=True)
def test_a_read_only_block_may_not_write_not_even_in_a_block_inside(acme):
    with acting_for(acme, read_only=True):
        assert names() == {"acme"}
        with pytest.raises(DatabaseError, match="read-only"), acting_for(acme):
            project_recipe.make()
        assert names() == {"acme"}
    with acting_for(acme):
        project_recipe.make()


@pytest.mark.parametrize("nobody", ["", "garbage", "'; DROP TABLE tenants_user; --", 7, None])
def test_what_is_no_organization_is_refused(db, nobody):
    with pytest.raises(ValueError, match="badly formed"), acting_for(nobody):
        raise AssertionError
    assert_nothing_is_left()


def test_a_row_that_is_no_organization_is_refused(acme, people):
    with pytest.raises(TypeError, match="no organization"), acting_for(people["acme-owner"]):
        raise AssertionError


def test_an_organization_that_does_not_exist_has_nothing(db):
    with acting_for(uuid4()):
        assert not Organization.objects.exists()
        assert not User.objects.exists()
        with pytest.raises(IntegrityError), transaction.atomic():
            Project.objects.create(name="Nobody's")


def test_the_id_of_a_block_is_what_it_yields(acme):
    with acting_for(str(acme.pk)) as organization_id:
        assert organization_id == acme.pk
        assert isinstance(organization_id, UUID)
