"""Tests run against a private PostgreSQL of their own, as the application's login."""

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

_running = ExitStack()


def pytest_configure(config):
    """Start the server once, before the workers of xdist, and point the settings at it."""
    from django.conf import settings

    from common import embedded

    if settings.IS_EMBEDDED:
        if "CHANCERY_TEST_HOME" not in os.environ:
            home = Path(tempfile.mkdtemp(prefix="chancery-test-"))
            home.chmod(0o711)
            os.environ["CHANCERY_TEST_HOME"] = str(home)
            _running.callback(shutil.rmtree, home, ignore_errors=True)
            _running.enter_context(embedded.running(home, durable=False))
        home = Path(os.environ["CHANCERY_TEST_HOME"])
        for database in settings.DATABASES.values():
            database["HOST"] = str(embedded.socket_directory(home))
        settings.MEDIA_ROOT = home / "files"
        settings.MODELS_DIRECTORY = home / "models"  # made once, for all workers of xdist
    settings.SECURE_SSL_REDIRECT = False
    settings.WHITENOISE_AUTOREFRESH = True  # else each test client looks through all static files
    settings.ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]


def pytest_unconfigure(config):
    _running.close()


def pytest_terminal_summary(terminalreporter):
    """Say how much the HTTP matrix asked; its tests count in properties of their reports."""
    reports = [
        dict(report.user_properties)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "teardown" and "requests" in dict(report.user_properties)
    ]
    if reports:
        requests = sum(report["requests"] for report in reports)
        seconds = sum(report["seconds"] for report in reports)
        terminalreporter.write_line(
            f"HTTP matrix: {requests:,} requests in {len(reports)} tests, {seconds:.0f} CPU seconds"
        )


@pytest.fixture(scope="session")
def _owner_makes_the_database():
    from common.logins import OWNER
    from tenants.testing import sign_in

    sign_in(OWNER)


@pytest.fixture(scope="session")
def django_db_setup(_owner_makes_the_database, django_db_setup, django_db_blocker):
    from django.test import TransactionTestCase

    from common.logins import APP, OWNER
    from tenants.testing import (
        clear_and_create_world,
        create_world,
        refuse_temporary_tables,
        sign_in,
    )

    # What Django would do is TRUNCATE, which the application has no right to.
    TransactionTestCase._fixture_teardown = lambda self: clear_and_create_world()  # type: ignore[attr-defined]
    with django_db_blocker.unblock():
        refuse_temporary_tables()
        create_world()
        sign_in(APP)
        yield
        sign_in(OWNER)


@pytest.fixture
def acme(db):
    from tenants.testing import organization_named

    return organization_named("acme")


@pytest.fixture
def globex(db):
    from tenants.testing import organization_named

    return organization_named("globex")


@pytest.fixture
def people(db):
    """`people["acme-owner"]`: the world's people by username, `people["staff"]` among them."""
    from tenants.lookup import find_by_login
    from tenants.permissions import BUILT_IN_ROLES
    from tenants.testing import ORGANIZATIONS

    names = [f"{slug}-{role.lower()}" for slug in ORGANIZATIONS for role in BUILT_IN_ROLES]
    return {name: find_by_login(name) for name in [*names, "staff"]}
