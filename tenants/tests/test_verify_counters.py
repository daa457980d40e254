import io

import pytest
from django.core.management import CommandError, call_command

from tenants.context import acting_for
from tenants.models import OrganizationUsage
from tenants.services import add_member, create_project
from tenants.testing import as_owner

pytestmark = pytest.mark.django_db(transaction=True)


def verify(**options) -> str:
    said = io.StringIO()
    with as_owner():
        call_command("verify_counters", stdout=said, **options)
    return said.getvalue()


def test_counters_made_by_services_are_right(acme, people):
    with acting_for(acme):
        project = create_project(organization_id=acme.pk, name="Rocket")
        add_member(project=project, user=people["acme-member"])
    assert "all right" in verify()


def test_a_wrong_counter_is_named_and_mended(acme):
    with acting_for(acme):
        OrganizationUsage.objects.update(users=7)
    with pytest.raises(CommandError, match="1 counters are wrong"):
        verify()
    said = verify(repair=True)
    assert "says 7 users, there are 4" in said
    assert "all right" in verify()


def test_an_unknown_organization_is_an_error(acme):
    with pytest.raises(CommandError, match="no organization nowhere"):
        verify(organization="nowhere")


def test_one_organization_can_be_verified_alone(acme, globex):
    with acting_for(globex):
        OrganizationUsage.objects.update(projects=3)
    assert "all right" in verify(organization="acme")
    with pytest.raises(CommandError):
        verify(organization="globex")
