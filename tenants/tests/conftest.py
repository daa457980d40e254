import pytest

from tenants.tests.rows import make_one_of_each, make_staff_access


@pytest.fixture(scope="module")
def committed(django_db_setup, django_db_blocker):
    """A committed row of each in every table: `committed["acme"]["tenants.Project"]`."""
    from tenants.testing import ORGANIZATIONS, clear_and_create_world, organization_named

    with django_db_blocker.unblock():
        organizations = {slug: organization_named(slug) for slug in ORGANIZATIONS}
        made = {slug: make_one_of_each(row) for slug, row in organizations.items()}
        for slug, organization in organizations.items():
            made[slug]["tenants.StaffAccess"] = make_staff_access(organization)
        yield made
        clear_and_create_world()
