import io

import pytest
from django.core.management import CommandError, call_command

from tenants.context import acting_for
from tenants.management.commands.verify_counters import Command
from tenants.models import OrganizationUsage, Project
from tenants.services import add_member, create_project
from tenants.testing import as_owner
from tenants.tests.trees import make_tree, wrong_counters

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


def exit_code(*arguments) -> int:
    with as_owner():
        try:
            Command(stdout=io.StringIO(), stderr=io.StringIO()).run_from_argv(
                ["manage.py", "verify_counters", *arguments]
            )
        except SystemExit as end:
            return int(str(end.code))
    return 0


def test_a_program_can_tell_by_how_it_ends(acme):
    assert exit_code() == 0
    with acting_for(acme):
        OrganizationUsage.objects.update(projects=3)
    assert exit_code() == 1
    assert exit_code("--repair") == 0
    assert exit_code() == 0
    assert exit_code("--organization", "nowhere") == 1


def test_every_kind_of_counter_is_mended(acme):
    with acting_for(acme):
        tree = make_tree(acme)
        OrganizationUsage.objects.update(users=1, projects=2, storage_bytes=3)
        Project.objects.update(member_count=4)
        type(tree["agents.Conversation"]).objects.update(message_count=5)
    with pytest.raises(CommandError, match="5 counters are wrong"):
        verify()
    assert "5 set right" in verify(repair=True)
    with acting_for(acme):
        assert wrong_counters(acme.pk) == []
    assert "all right" in verify()


def test_an_organization_without_a_row_of_what_it_uses_gets_one(acme):
    with as_owner(), acting_for(acme):
        OrganizationUsage.objects.all().delete()
    with pytest.raises(CommandError, match="1 counters are wrong"):
        verify()
    verify(repair=True)
    with acting_for(acme):
        assert OrganizationUsage.objects.get().users == 4
    assert "all right" in verify()
