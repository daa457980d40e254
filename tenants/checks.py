"""System checks: a model without isolation fails here, not in a review."""

from typing import Any

from django.apps import apps
from django.core.checks import Error, register
from django.db.models import ForeignKey, Model

from tenants.audit.triggers import Audited
from tenants.rls import TENANT, CompositeForeignKey, OrganizationKey, RowSecurity

OWN_APPS = frozenset({"tenants", "knowledge", "agents"})

# Tables that belong to no organization, each with its reason. Everything else must be isolated.
TENANT_FREE = {
    "tenants_permission": "the catalogue of permissions, the same for everybody",
    "tenants_attemptcount": "attempts before anybody is known; digests, no names, no addresses",
    "tenants_knownaddress": "where accounts have signed in from; digests, no names, no addresses",
    "django_content_type": "names of models, written by migrations",
    "auth_permission": "Django's own permission names; rights come from roles",
    "auth_group": "unused, roles take its place; the logins have no privilege on it",
    "auth_group_permissions": "unused; the logins have no privilege on it",
    "guardian_userobjectpermission": "unused, each kind of row has a table of its own; the logins"
    " have no privilege on it",
    "guardian_groupobjectpermission": "unused, as the one for users; the logins have no privilege"
    " on it",
    "django_admin_log": "unused, it carries no organization; the logins have no privilege on it",
    "django_migrations": "what has been migrated",
    "django_session": "signed in before an organization is known; found only by its secret key",
    "procrastinate_jobs": "jobs carry ids, and enter their organization themselves",
    "procrastinate_events": "what happened to jobs",
    "procrastinate_periodic_defers": "when periodic jobs were queued",
    "procrastinate_workers": "heartbeats of workers",
}


# Tables whose changes the audit trail leaves out, each with its reason.
UNAUDITED = {
    "tenants_auditentry": "the audit trail itself, which cannot be changed",
    "tenants_auditseal": "the audit trail's hash chain, verified by itself",
    "tenants_organizationusage": "counters, which follow from rows that are audited",
    "knowledge_documentchunk": "made from its document by reading it",
    "knowledge_chunkembedding": "made from its chunk",
    "knowledge_postingblock": "where postings lie",
    "knowledge_posting": "made from chunks",
    "agents_budgetperiod": "what was used of a budget, which follows from records of usage",
    "agents_opencall": "a call that runs; it leaves a record of usage",
    "agents_usagerecord": "a record itself, which cannot be changed",
    "agents_turnevent": "what a turn streamed; its message is audited",
}


@register()
def check_isolation(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Every model of ours has row security, the key, and a composite reference for each key."""
    errors = []
    for model in apps.get_models(include_auto_created=True):
        if _has_table_of_ours(model) and model._meta.db_table not in TENANT_FREE:
            errors += _row_security(model) + _references(model) + _base_manager(model)
            errors += _audited(model)
    return errors


def _has_table_of_ours(model: type[Model]) -> bool:
    options = model._meta
    return options.app_label in OWN_APPS and options.managed and not options.proxy


def _row_security(model: type[Model]) -> list[Error]:
    declared = [c for c in model._meta.constraints if isinstance(c, RowSecurity)]
    if len(declared) != 1:
        return [Error("Declare exactly one RowSecurity.", obj=model, id="tenants.E001")]
    has_key = any(isinstance(c, OrganizationKey) for c in model._meta.constraints)
    starts_with_organization = has_key or _pk_names_organization(model)
    if declared[0].policy == TENANT and not starts_with_organization:
        return [Error("Declare an OrganizationKey.", obj=model, id="tenants.E002")]
    return []


def _audited(model: type[Model]) -> list[Error]:
    is_audited = any(isinstance(c, Audited) for c in model._meta.constraints)
    if is_audited or model._meta.db_table in UNAUDITED:
        return []
    return [
        Error(
            "Declare an Audited constraint.",
            hint="Or name the table in tenants.checks.UNAUDITED, with the reason.",
            obj=model,
            id="tenants.E005",
        )
    ]


def _pk_names_organization(model: type[Model]) -> bool:
    pk = model._meta.pk
    names = [field.name for field in model._meta.pk_fields]
    return pk is not None and names[:1] == ["organization"]


def _references(model: type[Model]) -> list[Error]:
    held = {c.field for c in model._meta.constraints if isinstance(c, CompositeForeignKey)}
    return [
        Error(
            f"Declare a CompositeForeignKey for {field.name}.",
            hint="A plain foreign key accepts another organization's row.",
            obj=model,
            id="tenants.E003",
        )
        for field in model._meta.local_fields
        if isinstance(field, ForeignKey)
        and _belongs_to_organization(field.related_model)
        and field.name not in held
    ]


def _belongs_to_organization(model: Any) -> bool:
    return any(field.name == "organization" for field in model._meta.fields)


def _base_manager(model: type[Model]) -> list[Error]:
    if hasattr(model._base_manager, "rows"):
        return []
    return [
        Error("Name a base manager that filters by organization.", obj=model, id="tenants.E004")
    ]
