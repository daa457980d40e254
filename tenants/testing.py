"""The world that tests start from, and the logins they change between.

Two organizations, `acme` and `globex`, stand in the test database with one person for each built-in
role, beside one of the platform staff. Tests run as the application; only setting up and clearing
away is the owner's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.db import connection, connections

from common.logins import APP, OWNER
from tenants.models import Organization, Role, User
from tenants.permissions import BUILT_IN_ROLES
from tenants.services import create_organization, create_user

PASSWORD = "correct horse battery"
ORGANIZATIONS = ("acme", "globex")
KEPT_TABLES = frozenset({"django_content_type", "auth_permission", "django_migrations"})
TRUNCATED = frozenset({"tenants_auditentry", "tenants_auditseal", "agents_usagerecord"})
BUILT_IN_TABLES = frozenset({"tenants_role", "tenants_rolepermission"})


@contextmanager
def as_owner() -> Iterator[None]:
    """Connect as the owner of the database while inside."""
    sign_in(OWNER)
    try:
        yield
    finally:
        sign_in(APP)


def sign_in(login: str) -> None:
    connection.close()
    connection.settings_dict["USER"] = login


def refuse_temporary_tables() -> None:
    """Do for the database of the tests what `create_logins` does for a real one."""
    with connection.cursor() as cursor:
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        cursor.execute(f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")


def create_world() -> None:
    """Make the two organizations and their people. The caller connects as the owner."""
    password = _hashed_password()
    for slug in ORGANIZATIONS:
        organization = create_organization(name=slug.title(), slug=slug)
        for name in BUILT_IN_ROLES:
            person = create_user(
                organization=organization,
                username=f"{slug}-{name.lower()}",
                email=f"{name.lower()}@{slug}.test",
                full_name=f"{slug.title()} {name}",
                is_staff=name == "Owner",
                roles=[Role.objects.get(name=name, organization=None)],
            )
            User.all_objects.filter(pk=person.pk).update(password=password)
    staff = User.objects.create_superuser("staff", "staff@chancery.test")
    User.all_objects.filter(pk=staff.pk).update(password=password)


@cache
def _hashed_password() -> str:
    return make_password(PASSWORD)


def clear_and_create_world() -> None:
    """What a test that commits leaves behind is removed; the world stands again."""
    for other in connections.all(initialized_only=True):
        other.close()
    with as_owner():
        remove_everything()
        create_world()


def remove_everything() -> None:
    """Empty the database but for what migrations wrote. The caller connects as the owner."""
    with connection.cursor() as cursor:
        cursor.execute(";".join(_deletions()))


def _deletions() -> Iterator[str]:
    """DELETE for every table, children first; the catalogue and the built-in roles stay."""
    tables = [model._meta.db_table for model in _children_first()]
    yield f"TRUNCATE {', '.join(TRUNCATED)}"  # they refuse DELETE
    for table in tables:
        if table in BUILT_IN_TABLES:
            yield f"DELETE FROM {table} WHERE organization_id IS NOT NULL"
        elif table not in KEPT_TABLES | TRUNCATED | {"tenants_permission"}:
            yield f"DELETE FROM {table}"


def _children_first() -> list:
    """Models ordered so that each stands before those that it refers to."""
    models = [m for m in apps.get_models(include_auto_created=True) if not m._meta.proxy]
    ordered: list = []

    def visit(model):
        if model in ordered:
            return
        for relation in model._meta.get_fields(include_hidden=True):
            child = relation.related_model if relation.auto_created else None
            if child and relation.concrete is False and child is not model:
                visit(child)
        ordered.append(model)

    for model in models:
        visit(model)
    return [model for model in ordered if model in models]


def organization_named(slug: str) -> Organization:
    """The organization of the world, read as the owner of a connection of its own would."""
    from tenants.context import acting_for
    from tenants.lookup import find_organization

    organization_id = find_organization(slug)
    assert organization_id, f"no organization {slug}"
    with acting_for(organization_id):
        return Organization.objects.get()
