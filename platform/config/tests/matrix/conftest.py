import pytest


@pytest.fixture(scope="package")
def world(django_db_setup, django_db_blocker):
    """Committed rows of two organizations, and people to ask for them."""
    from config.tests.matrix.world import make_world
    from tenants.testing import clear_and_create_world

    with django_db_blocker.unblock():
        yield make_world()
        clear_and_create_world()
