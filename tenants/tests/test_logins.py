import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test import override_settings

from common.logins import APP, OWNER, PLATFORM
from tenants import logins_check
from tenants.logins_check import refuse_owner, refuse_powerful_login
from tenants.models import Project
from tenants.testing import as_owner
from tenants.tests.sql import run


@pytest.fixture
def unchecked(transactional_db):
    """As in a process that has asked nothing yet."""
    before = set(logins_check._checked)
    logins_check._checked.clear()
    connections.close_all()
    yield
    connections.close_all()
    logins_check._checked.clear()
    logins_check._checked.update(before)


@pytest.mark.parametrize("alias", ["default", "platform"])
@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_the_applications_logins_pass(unchecked, alias):
    connections[alias].ensure_connection()
    login = {"default": APP, "platform": PLATFORM}[alias]
    assert (alias, login) in logins_check._checked


def test_a_login_is_asked_about_once_a_process(unchecked):
    connection.ensure_connection()
    connection.close()
    with connection.execute_wrapper(nobody_asks):
        connection.ensure_connection()


def nobody_asks(execute, sql, params, many, context):
    raise AssertionError(sql)


def test_a_login_that_row_security_does_not_hold_is_refused(unchecked):
    """The owner stands in for an application's login that was given BYPASSRLS by mistake."""
    with as_owner():
        connection.ensure_connection()
        connection.settings_dict["USER"] = APP  # what it calls itself
        with pytest.raises(ImproperlyConfigured, match="chancery_app can pass row level security"):
            refuse_powerful_login(connection=connection)
        assert connection.connection is None
    with as_owner():
        connection.ensure_connection()  # a command that says so may


def test_a_role_that_a_login_becomes_is_looked_at(unchecked):
    """`options=-c role=…` in a URL changes the role after signing in."""
    found = run(logins_check._IS_TOO_POWERFUL, login=OWNER)
    assert found == [(True,)]
    assert run(logins_check._IS_TOO_POWERFUL, login=APP) == [(False,)]


def test_web_and_worker_do_not_start_as_the_owner():
    refuse_owner()
    refusal = pytest.raises(ImproperlyConfigured, match="do not connect as the owner")
    with override_settings(LOGIN="owner"), refusal:
        refuse_owner()


def test_migrations_do_not_run_as_a_role_that_sees_no_rows(transactional_db):
    with pytest.raises(CommandError, match="chancery_app sees the rows of no organization"):
        call_command("migrate", verbosity=0)
    with pytest.raises(CommandError, match="chancery_app sees"):
        call_command("migrate", "tenants", "zero", verbosity=0)
    with as_owner():
        call_command("migrate", verbosity=0)
        assert Project.objects.count() == 0  # the tables are still there


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_migrations_do_not_run_as_platform_staff():
    with pytest.raises(CommandError, match="chancery_platform sees"):
        call_command("migrate", database="platform", verbosity=0)
