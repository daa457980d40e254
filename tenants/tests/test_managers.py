"""Whose rows a manager shows: the organization's acted for, or everybody's to who may see them."""

import pytest
from django.apps import apps
from django.db import ProgrammingError, transaction
from django.db.models import Count

from tenants.baker_recipes import member_recipe, role_recipe, user_role_recipe
from tenants.context import acting_as_platform, acting_for
from tenants.models import Organization, OrganizationUsage, Project, ProjectMember, Role, User
from tenants.permissions import BUILT_IN_ROLES
from tenants.testing import as_owner

BUILT_IN = set(BUILT_IN_ROLES)


@pytest.fixture
def two(acme, globex):
    """A project with a member and a role that somebody has, in each organization."""
    for organization in (acme, globex):
        with acting_for(organization):
            member_recipe.make(project__name=organization.slug)
            user_role_recipe.make(role__name=organization.slug)
    return acme, globex


def projects():
    return set(Project.objects.values_list("name", flat=True))


def roles():
    return set(Role.objects.values_list("name", flat=True))


def everything_there():
    """Queries of every shape; each answers for both organizations."""
    return {
        "organizations": Organization.objects.count(),
        "usage": OrganizationUsage.objects.count(),
        "projects": projects(),
        "members": ProjectMember.objects.select_related("project", "user").count(),
        "without Ada": Project.objects.exclude(members__username="ada").count(),
        "without a role": User.objects.exclude(roles__name="nobody's").count(),
        "of a role": set(User.objects.filter(roles__name="acme").values_list("organization__slug")),
        "counted": [found.number for found in Project.objects.annotate(number=Count("members"))],
        "roles": roles(),
        "roles of users": {role.name for user in User.objects.all() for role in user.roles.all()},
    }


EVERYTHING = {
    "organizations": 2,
    "usage": 2,
    "projects": {"acme", "globex"},
    "members": 2,
    "without Ada": 2,
    "without a role": 13,
    "of a role": {("acme",)},
    "counted": [1, 1],
    "roles": BUILT_IN | {"acme", "globex"},
    "roles of users": BUILT_IN | {"acme", "globex"},
}


def test_an_organization_sees_its_own_and_what_is_built_in(two):
    for organization in two:
        with acting_for(organization):
            assert projects() == {organization.slug}
            assert roles() == BUILT_IN | {organization.slug}
            assert Organization.objects.get() == organization
            assert OrganizationUsage.objects.get().organization_id == organization.pk
            assert ProjectMember.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_owner_sees_everybodys(two):
    with as_owner():
        assert everything_there() == EVERYTHING


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_platform_staff_see_everybodys(two):
    with acting_as_platform():
        assert everything_there() == EVERYTHING


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
@pytest.mark.parametrize("label", ["knowledge.Document", "agents.Conversation", "agents.Message"])
def test_platform_staff_see_nobodys_content(two, label):
    denied = pytest.raises(ProgrammingError, match="permission denied")
    with acting_as_platform(), denied, transaction.atomic(using="platform"):
        apps.get_model(label).objects.count()


@pytest.mark.django_db(transaction=True)
def test_the_owner_acting_for_an_organization_sees_its_rows_alone(two):
    acme, _ = two
    with as_owner(), acting_for(acme):
        assert projects() == {"acme"}
        assert roles() == BUILT_IN | {"acme"}


def test_a_new_row_is_of_the_organization_acted_for(two):
    for organization in two:
        with acting_for(organization):
            assert Project.objects.create(name="New").organization == organization
            assert role_recipe.make().organization == organization
            made = Project.objects.bulk_create([Project(name="A"), Project(name="B")])
            assert {project.organization_id for project in made} == {organization.pk}
