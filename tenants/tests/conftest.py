import pytest

from tenants.tests.rows import make_one_of_each


@pytest.fixture(scope="module")
def committed(django_db_setup, django_db_blocker):
    """A committed row of each in every table: `committed["acme"]["tenants.Project"]`."""
    from tenants.testing import ORGANIZATIONS, clear_and_create_world, organization_named

    with django_db_blocker.unblock():
        made = {slug: make_one_of_each(organization_named(slug)) for slug in ORGANIZATIONS}
        yield made
        clear_and_create_world()
