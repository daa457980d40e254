"""All migrations run, to nothing and forward again, over a database with rows in it."""

from contextlib import contextmanager

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader

from common.logins import APP
from tenants.catalogue import write_catalogue
from tenants.checks import OWN_APPS
from tenants.models import Organization, Permission, Role, RolePermission
from tenants.permissions import BUILT_IN_ROLES, Permissions
from tenants.testing import as_owner
from tenants.tests import catalogue
from tenants.tests.rows import make_one_of_each
from tenants.tests.sql import run

pytestmark = pytest.mark.django_db(transaction=True)

FACTS = catalogue.everything


@contextmanager
def copy_of_the_database():
    """Work as the owner on a copy of the test database, which is thrown away."""
    connections.close_all()
    name = connection.settings_dict["NAME"]
    copy = f"{name}_copy"
    run(f"CREATE DATABASE {copy} TEMPLATE {name}")
    connection.settings_dict["NAME"] = copy
    try:
        with as_owner():
            yield
    finally:
        connections.close_all()
        connection.settings_dict["NAME"] = name
        run(f"DROP DATABASE {copy}")


def migrate(*arguments):
    call_command("migrate", *arguments, verbosity=0)


def tables_of(*labels):
    return {table for table in catalogue.tables() if table.startswith(tuple(labels))}


def test_all_goes_back_to_nothing_and_forward_again(acme, globex):
    for organization in (acme, globex):
        make_one_of_each(organization)
    before = FACTS()
    with copy_of_the_database():
        assert Organization.objects.count() == 2
        migrate("tenants", "zero")
        assert not tables_of("tenants", "knowledge", "agents")
        assert not [name for name in catalogue.functions() if "procrastinate" not in name]
        migrate()
        assert before == FACTS()
        assert Organization.objects.count() == 0
        assert built_in_rights() == declared_rights()


@pytest.mark.long
@pytest.mark.parametrize("label", ["knowledge", "agents"])
def test_an_application_goes_back_and_forward_alone(acme, label):
    make_one_of_each(acme)
    before = FACTS()
    with copy_of_the_database():
        migrate(label, "zero")
        assert not tables_of(label)
        assert Organization.objects.count() == 2
        migrate()
        assert before == FACTS()


@pytest.mark.parametrize("label", sorted(OWN_APPS))
def test_every_migration_goes_back(label):
    migrations = MigrationLoader(None).disk_migrations
    operations = [
        operation
        for (app, _), migration in migrations.items()
        if app == label
        for operation in migration.operations
    ]
    assert operations
    assert all(operation.reversible for operation in operations)


def test_the_models_and_the_migrations_agree(capsys):
    call_command("makemigrations", check=True, dry_run=True, verbosity=1)
    assert "No changes detected" in capsys.readouterr().out


def test_the_database_has_what_was_migrated():
    planned = set(MigrationLoader(None).disk_migrations)
    with as_owner():
        applied = set(MigrationLoader(connection).applied_migrations)
    assert {key for key in planned - applied if key[0] in OWN_APPS} == set()


def built_in_rights():
    held = RolePermission.all_objects.filter(organization=None)
    found = {name: set() for name in Role.objects.values_list("name", flat=True)}
    for name, right in held.values_list("role__name", "permission__name"):
        found[name].add(right)
    return found


def declared_rights():
    return {name: {str(right) for right in rights} for name, (_, rights) in BUILT_IN_ROLES.items()}


def test_the_catalogue_of_permissions_is_what_the_code_says(db):
    with as_owner():
        assert built_in_rights() == declared_rights()
        found = dict(Permission.objects.values_list("name", "description"))
    assert found == {right.value: right.label for right in Permissions}


def test_writing_the_catalogue_again_mends_it_and_changes_nothing_else(acme):
    with as_owner(), connection.schema_editor() as editor:
        ids = set(RolePermission.all_objects.values_list("pk", flat=True))
        write_catalogue(apps, editor)
        assert set(RolePermission.all_objects.values_list("pk", flat=True)) == ids
        viewer = Role.objects.get(name="Viewer", organization=None)
        RolePermission.all_objects.filter(role=viewer).delete()
        RolePermission.objects.create(
            role=viewer, permission=Permission.objects.get(name="tenants.delete_user")
        )
        Permission.objects.create(name="tenants.fly")
        write_catalogue(apps, editor)
        assert built_in_rights() == declared_rights()
        assert not Permission.objects.filter(name="tenants.fly").exists()
        assert set(RolePermission.all_objects.values_list("pk", flat=True)) == ids


def test_what_is_done_to_the_copy_is_not_done_to_the_test_database(acme):
    with copy_of_the_database():
        migrate("agents", "zero")
    assert tables_of("agents")
    assert connection.settings_dict["USER"] == APP
