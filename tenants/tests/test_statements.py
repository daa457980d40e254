"""Every statement that the ORM sends names the organization, beside the policy that holds it."""

from copy import copy
from datetime import date

import pytest
from django.db import models, transaction
from django.db.models import Count, Exists, OuterRef

from tenants import counters, deletion, services
from tenants.context import acting_for
from tenants.models import Project, ProjectMember, User
from tenants.models.grant import Grant
from tenants.tests.rows import make_row, tenant_models
from tenants.tests.statements import every_statement_names, unnamed_tables

MODELS = {model._meta.label: model for model in tenant_models()}
NOT_WRITABLE = {
    "agents.UsageRecord",
    "tenants.AuditEntry",
    "tenants.AuditSeal",
    "tenants.Organization",
    "tenants.OrganizationUsage",
    "tenants.StaffAccess",
}
WRITABLE = sorted(set(MODELS) - NOT_WRITABLE)
WRITTEN_ONCE = {"agents.AgentVersion"}  # but for what deletes and restores
ENTITIES = [label for label in WRITABLE if hasattr(MODELS[label], "deletion_id")]
GRANTS = [label for label, model in MODELS.items() if issubclass(model, Grant)]
LINKS = ["tenants.ProjectMember", "tenants.UserRole", "tenants.RolePermission", *GRANTS]
ANOTHER = {
    "agents.AgentVersion": {"number": 2},
    "agents.Budget": {"period": "month"},
    "agents.BudgetPeriod": {"starts_on": date(2026, 2, 1)},
    "knowledge.DocumentChunk": {"position": 2},
}


@pytest.fixture
def acme(committed, db):
    return committed["acme"]["tenants.Organization"]


@pytest.fixture
def rows(committed, acme):
    with acting_for(acme):
        yield {label: copy(row) for label, row in committed["acme"].items()}


@pytest.fixture
def tried(acme, rows):
    """Try a query, or what a function does, and undo it; all of it must name the organization."""

    def attempt(query):
        with every_statement_names(acme), transaction.atomic():
            found = query() if callable(query) else list(query)
            transaction.set_rollback(True)
        return found

    return attempt


def forward(model):
    return [f.name for f in model._meta.concrete_fields if f.remote_field]


def backward(model):
    """Names of relations to the model's rows: for queries, and on an instance."""
    return {
        relation.name: relation.get_accessor_name()
        for relation in model._meta.related_objects
        if relation.related_model in MODELS.values()
    }


def some_field(model):
    """A field that may be written without breaking anything."""
    for field in reversed(model._meta.concrete_fields):
        if not (field.remote_field or field.generated or field.primary_key or field.unique):
            return field.name
    return None


@pytest.mark.parametrize("label", MODELS)
def test_reading_rows(rows, tried, label):
    model, pk = MODELS[label], rows[label].pk
    manager = model._base_manager
    tried(manager.all())
    tried(manager.filter(pk=pk))
    tried(manager.values_list("pk"))
    tried(manager.order_by("pk")[:1])
    tried(manager.filter(pk__in=manager.values("pk")))
    tried(manager.all().union(manager.all()))
    tried(manager.filter(Exists(manager.filter(pk=OuterRef("pk")))))
    tried(manager.filter(pk=pk).iterator())
    tried(lambda: manager.get(pk=pk))
    tried(lambda: manager.filter(pk=pk).exists())
    tried(lambda: manager.filter(pk=pk).count())
    tried(lambda: manager.in_bulk([pk]))
    tried(lambda: rows[label].refresh_from_db())
    tried(lambda: [*model.objects.all()])


@pytest.mark.parametrize("label", MODELS)
def test_reading_related_rows(rows, tried, label):
    model, row = MODELS[label], rows[label]
    manager = model._base_manager
    for name in forward(model):
        tried(manager.select_related(name))
        tried(manager.prefetch_related(name))
        if hasattr(row._meta.get_field(name).related_model, "created_at"):
            tried(manager.order_by(f"{name}__created_at"))
            tried(manager.filter(**{f"{name}__created_at__isnull": False}))
        fresh = manager.get(pk=row.pk)
        tried(lambda: getattr(fresh, name))  # noqa: B023
    for name, accessor in backward(model).items():
        tried(manager.prefetch_related(accessor))
        tried(manager.annotate(related=Count(name)))
        tried(manager.filter(**{f"{name}__isnull": False}))
        tried(lambda: manager.annotate(related=Count(name)).filter(related__gt=0).count())  # noqa: B023
        related = getattr(row, accessor)
        if isinstance(related, models.Manager):
            tried(related.all())
            tried(lambda: related.count())  # noqa: B023


@pytest.mark.parametrize("label", MODELS)
def test_leaving_rows_out_by_what_refers_to_them(rows, tried, label):
    """Django writes these as subqueries, in which the row itself is left away."""
    model = MODELS[label]
    for relation in model._meta.related_objects:
        if relation.related_model in MODELS.values() and not relation.hidden:
            for name in forward(relation.related_model):
                far = relation.related_model._meta.get_field(name).related_model
                if far is not model and hasattr(far, "created_at"):
                    given = rows[far._meta.label].created_at
                    query = {f"{relation.name}__{name}__created_at": given}
                    tried(model._base_manager.exclude(**query))
                    tried(model._base_manager.filter(~models.Q(**query)))


@pytest.mark.parametrize("label", WRITABLE)
def test_writing_rows(rows, tried, label):
    model, row, field = MODELS[label], rows[label], some_field(MODELS[label])
    manager = model._base_manager
    if label in WRITTEN_ONCE:
        field = None
        tried(lambda: manager.filter(pk=row.pk).update(updated_at=row.updated_at))
    else:
        tried(lambda: row.save())
    if field:
        value = getattr(row, field)
        tried(lambda: row.save(update_fields=[field]))
        tried(lambda: manager.filter(pk=row.pk).update(**{field: value}))
        tried(lambda: manager.bulk_update([row], [field]))
        tried(lambda: manager.update_or_create(pk=row.pk, defaults={field: value}))
    tried(lambda: manager.get_or_create(pk=row.pk))
    tried(lambda: manager.select_for_update().get(pk=row.pk))


@pytest.mark.parametrize("label", WRITABLE)
def test_making_rows(acme, rows, tried, label):
    """Those of links and of natural keys are made anew: there is room for one."""
    model, row = MODELS[label], rows[label]
    if label in {*LINKS, "agents.TurnEvent", "knowledge.Posting", "knowledge.ChunkEmbedding"}:
        model._base_manager.filter(pk=row.pk).delete()
        tried(lambda: model._base_manager.bulk_create([row]))
        tried(lambda: row.save(force_insert=True))
    else:
        if label == "agents.Message":
            model._base_manager.update(status="completed")
        given = ANOTHER.get(label, {})
        if label == "agents.MessageFeedback":
            given = {"user": make_row(MODELS["tenants.User"], rows, "another")}
        tried(lambda: make_row(model, rows, "again", **given))


@pytest.mark.parametrize("label", ENTITIES)
def test_deleting_and_restoring(rows, tried, label):
    def delete_and_restore():
        list(deletion.what_goes_with([rows[label]]))
        deletion.delete(rows[label])
        deletion.restore(rows[label])

    tried(delete_and_restore)


@pytest.mark.parametrize("label", LINKS)
def test_taking_links_away(rows, tried, label):
    for manager in (MODELS[label].objects, MODELS[label].all_objects):
        assert tried(lambda: manager.filter(pk=rows[label].pk).delete()[0])  # noqa: B023


def test_many_to_many(rows, tried):
    project, user, role = (rows[f"tenants.{name}"] for name in ("Project", "User", "Role"))
    for related in (project.members, user.projects, user.roles, role.users):
        tried(related.all())
        tried(lambda: related.count())  # noqa: B023
    through = {"through_defaults": {"role_scope": role.scope}}
    tried(lambda: project.members.remove(user))
    tried(lambda: project.members.clear())
    tried(lambda: project.members.set([user]))
    tried(lambda: role.users.set([user], **through))
    tried(User.objects.filter(roles__permissions__name="tenants.view_user"))
    tried(User.objects.exclude(roles__permissions__name="tenants.view_user"))
    tried(Project.objects.prefetch_related("members__roles"))


def test_services_and_counters(acme, rows, tried):
    project, user = rows["tenants.Project"], rows["tenants.User"]
    ProjectMember.objects.all().delete()
    tried(lambda: services.add_member(project=project, user=user))
    services.add_member(project=project, user=user)
    tried(lambda: services.remove_member(project=project, user=user))
    tried(lambda: services.create_project(organization_id=acme.pk, name="Other", by=user))
    tried(lambda: services.set_roles(user=user, roles=[rows["tenants.Role"]]))
    tried(lambda: counters.claim(acme.pk, "users"))
    tried(lambda: counters.recount_all(acme.pk))
    tried(lambda: [*counters.drift(counters.COUNTERS[2], acme.pk)])


def test_what_a_member_may_see(rows, tried, people):
    member = people["acme-member"]
    for label in ("tenants.Project", "agents.AgentConfig", "agents.Conversation"):
        tried(lambda: list(MODELS[label].objects.visible_to(member)))  # noqa: B023
    tried(lambda: list(MODELS["knowledge.Document"].objects.visible_to(member)))


def test_a_statement_that_names_nobody_is_found(acme, rows):
    """What would be noticed: the organization left out at the top, in a subquery, in a join."""
    members = ProjectMember.all_objects
    named = sql(Project.objects.filter(pk__in=members.values("project")), acme)
    assert not unnamed_tables(named, acme)
    outside, inside = named.split(" IN (SELECT ")
    nobody = inside.replace(acme.pk.hex, "")
    assert unnamed_tables(f"{outside} IN (SELECT {nobody}", acme) == {"tenants_projectmember"}
    nobody = outside.replace(acme.pk.hex, "")
    assert unnamed_tables(f"{nobody} IN (SELECT {inside}", acme) == {"tenants_project"}
    joined = sql(members.select_related("project"), acme)
    assert not unnamed_tables(joined, acme)
    equal = '"tenants_project"."organization_id" = '
    assert unnamed_tables(joined.replace(equal, ""), acme) == {"tenants_project"}


def sql(queryset, organization):
    return str(queryset.query).replace(str(organization.pk), organization.pk.hex)
