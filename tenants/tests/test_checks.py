# ruff: noqa: DJ008  models that live for a test have no name to show
import pytest
from django.core import checks
from django.db import models
from django.test.utils import isolate_apps

from common.models import Entity
from tenants.checks import check_isolation
from tenants.fields import OrganizationField, TenantForeignKey
from tenants.managers import OrganizationManager
from tenants.models import Project
from tenants.models.base import KEY, ROWS, ControlPlaneLink, OrganizationOwned
from tenants.rls import CompositeForeignKey, RowSecurity


@pytest.fixture
def found(monkeypatch):
    """Judge the models that the test defines; return what is wrong with which."""
    with isolate_apps("tenants") as apps:

        class Organization(models.Model):
            class Meta:
                app_label = "tenants"

        class Permission(models.Model):
            class Meta:
                app_label = "tenants"

        def judge():
            errors = {(error.id, error.obj.__name__) for error in check_isolation(None)}
            beside = {"tenants.E005"}  # the audit trail's, in test_audit.py
            return sorted(e for e in errors if e[1] != "Organization" and e[0] not in beside)

        monkeypatch.setattr("tenants.checks.apps", apps)
        yield judge


def test_the_models_are_as_they_should_be():
    assert check_isolation(None) == []
    assert check_isolation in checks.registry.registry.get_checks()


def test_a_model_of_an_organization_passes(found):
    class Note(OrganizationOwned):
        project = TenantForeignKey(Project, models.CASCADE, related_name="+")

        class Meta(OrganizationOwned.Meta):
            app_label = "tenants"
            constraints = [
                *OrganizationOwned.Meta.constraints,
                CompositeForeignKey("project", name="tenants_note_project"),
            ]

    assert found() == []


def test_a_model_without_row_security_does_not_pass(found):
    class Note(models.Model):
        text = models.TextField()

        class Meta:
            app_label = "tenants"

    assert ("tenants.E001", "Note") in found()


def test_a_model_whose_meta_forgets_its_parents_does_not_pass(found):
    class Note(OrganizationOwned):
        class Meta:
            app_label = "tenants"
            constraints = []

    assert found() == [("tenants.E001", "Note")]


def test_a_model_whose_constraints_forget_the_inherited_ones_does_not_pass(found):
    class Note(OrganizationOwned):
        class Meta(OrganizationOwned.Meta):
            app_label = "tenants"
            constraints = [RowSecurity(name="tenants_note_rows")]

    assert found() == [("tenants.E002", "Note")]


def test_row_security_declared_twice_does_not_pass(found):
    class Note(OrganizationOwned):
        class Meta(OrganizationOwned.Meta):
            app_label = "tenants"
            constraints = [
                *OrganizationOwned.Meta.constraints,
                RowSecurity(name="tenants_note_more_rows", platform=True),
            ]

    assert found() == [("tenants.E001", "Note")]


@pytest.mark.parametrize("key", [TenantForeignKey, models.ForeignKey, models.OneToOneField])
def test_a_reference_that_accepts_another_organizations_row_does_not_pass(found, key):
    class Note(OrganizationOwned):
        project = key(Project, models.CASCADE, related_name="+")

        class Meta(OrganizationOwned.Meta):
            app_label = "tenants"

    assert found() == [("tenants.E003", "Note")]


def test_a_reference_to_what_belongs_to_nobody_passes(found):
    class Note(OrganizationOwned):
        right = models.ForeignKey("tenants.Permission", models.CASCADE, related_name="+")

        class Meta(OrganizationOwned.Meta):
            app_label = "tenants"

    assert found() == []


def test_a_many_to_many_relation_with_a_table_of_its_own_making_does_not_pass(found):
    class Note(OrganizationOwned):
        projects = models.ManyToManyField(Project, related_name="+")

        class Meta(OrganizationOwned.Meta):
            app_label = "tenants"

    assert ("tenants.E001", "Note_projects") in found()


def test_a_link_of_two_rows_passes(found):
    class Note(ControlPlaneLink):
        ends = ("project",)
        project = TenantForeignKey(Project, models.CASCADE, related_name="+")

        class Meta(ControlPlaneLink.Meta):
            app_label = "tenants"
            constraints = [
                *ControlPlaneLink.Meta.constraints,
                CompositeForeignKey("project", name="tenants_note_project"),
            ]

    assert found() == []


def test_a_base_manager_that_shows_all_rows_does_not_pass(found):
    class Note(Entity):
        organization = OrganizationField(related_name="+")
        objects = models.Manager()

        class Meta(Entity.Meta):
            app_label = "tenants"
            constraints = [KEY, ROWS]

    assert found() == [("tenants.E004", "Note")]


def test_a_key_that_starts_with_the_organization_by_itself_passes(found):
    class Note(models.Model):
        pk = models.CompositePrimaryKey("organization", "number")
        organization = OrganizationField(related_name="+")
        number = models.IntegerField()
        objects = OrganizationManager()

        class Meta:
            app_label = "tenants"
            base_manager_name = "objects"
            constraints = [ROWS]

    assert found() == []


def test_a_proxy_has_no_table_to_isolate(found):
    class Note(OrganizationOwned):
        class Meta(OrganizationOwned.Meta):
            app_label = "tenants"

    class Letter(Note):
        class Meta:
            app_label = "tenants"
            proxy = True

    assert found() == []


def test_another_applications_models_are_not_ours_to_judge(found):
    class Note(models.Model):
        class Meta:
            app_label = "auth"

    assert found() == []
