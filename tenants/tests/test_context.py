import pytest
from django.db import connection

from common.logins import APP
from tenants.context import NoOrganization, OrganizationSwitchRefused, acting_for
from tenants.models import Project, User


def test_tests_run_as_the_application(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (APP,)


def test_without_an_organization_nothing_is_asked(db):
    with pytest.raises(NoOrganization, match="tenants_project"):
        list(Project.objects.all())


def test_an_organization_sees_its_own_people(acme, globex):
    with acting_for(acme):
        assert {user.organization_id for user in User.objects.all()} == {acme.pk}


def test_another_organization_is_refused_inside(acme, globex):
    with acting_for(acme), pytest.raises(OrganizationSwitchRefused), acting_for(globex):
        pass


def test_a_block_leaves_nothing_behind(acme, globex):
    with acting_for(acme):
        with acting_for(acme):
            pass
        assert Project.objects.count() == 0
    with pytest.raises(NoOrganization):
        Project.objects.count()
    with acting_for(globex):
        assert User.objects.filter(username="globex-owner").exists()


def test_what_one_organization_writes_another_does_not_see(acme, globex):
    with acting_for(acme):
        project = Project.objects.create(name="Rocket")
        assert project.organization_id == acme.pk
    with acting_for(globex):
        assert not Project.all_objects.filter(pk=project.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_a_read_only_block_refuses_to_write(acme):
    from django.db.utils import InternalError

    with pytest.raises(InternalError, match="read-only"), acting_for(acme, read_only=True):
        Project.objects.create(name="Rocket")


def test_the_client_sees_the_admin_login(client, db):
    assert client.get("/admin/login/").status_code == 200
