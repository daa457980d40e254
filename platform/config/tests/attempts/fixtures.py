"""What a conftest of suites of attempts takes: the scene, and a database without a transaction."""

import pytest
from django.test import override_settings

HASHERS = [
    "django.contrib.auth.hashers.MD5PasswordHasher",  # Argon2 takes its time, by design
    "django.contrib.auth.hashers.Argon2PasswordHasher",
]


@pytest.fixture
def _django_db_helper(django_db_setup, django_db_blocker):
    """In place of pytest-django's: each attempt has transactions of its own (`undone`)."""
    with django_db_blocker.unblock(), override_settings(PASSWORD_HASHERS=HASHERS):
        yield


@pytest.fixture(scope="package")
def scene(django_db_setup, django_db_blocker):
    """Committed rows, which no request of the suite changes: the last thing is to look."""
    from config.tests.attempts.scene import make_scene
    from tenants.testing import clear_and_create_world

    with django_db_blocker.unblock(), override_settings(PASSWORD_HASHERS=HASHERS):
        try:
            made = make_scene()
            before = made.ledger.before
            yield made
            assert type(made.ledger)(made.acme, [made.globex]).before == before
        finally:
            clear_and_create_world()
