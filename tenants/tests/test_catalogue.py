"""What is declared is what PostgreSQL holds: read from its catalogue, table by table.

The lists stand here a second time on purpose. A table cannot change hands by one edit.
"""

import pytest
from django.apps import apps

from common.logins import APP, OWNER, PLATFORM
from tenants.checks import TENANT_FREE, UNAUDITED
from tenants.rls import CompositeForeignKey
from tenants.tests import catalogue
from tenants.tests.catalogue import Function, Policy
from tenants.tests.rows import tenant_models
from tenants.tests.sql import organization_column, run

pytestmark = pytest.mark.django_db

# What platform staff administer. Never conversations, messages, documents, passages.
PLATFORM_TABLES = {
    "agents_agentconfig",
    "agents_agentrolegrant",
    "agents_agentusergrant",
    "agents_agentversion",
    "agents_budget",
    "agents_budgetperiod",
    "agents_modelprovider",
    "agents_usagerecord",
    "tenants_accesstoken",
    "tenants_auditentry",
    "tenants_auditseal",
    "tenants_organization",
    "tenants_organizationusage",
    "tenants_project",
    "tenants_projectmember",
    "tenants_projectrolegrant",
    "tenants_projectusergrant",
    "tenants_role",
    "tenants_rolepermission",
    "tenants_staffaccess",
    "tenants_user",
    "tenants_userrole",
}
# Rows of the platform itself stand among those of organizations, so the key is `id` alone, and
# every node of a cluster would hold them.
REPLICATED_TABLES = {
    "tenants_accesstoken",
    "tenants_organization",
    "tenants_role",
    "tenants_rolepermission",
    "tenants_staffaccess",
    "tenants_user",
}
# Unique across organizations, or found before the organization is known.
GLOBAL_INDEXES = {
    "agents_usagerecord (id)",  # numbers alone, for platform staff
    "tenants_accesstoken (digest)",
    "tenants_accesstoken (id)",
    "tenants_accesstoken (user_id)",
    "tenants_auditentry (id)",  # of the control plane alone, for platform staff
    "tenants_organization (id)",
    "tenants_organization (name)",
    "tenants_organization (slug)",
    "tenants_role (id)",
    "tenants_role (scope)",  # the organization, or zeros for the platform
    "tenants_rolepermission (id)",
    "tenants_rolepermission (scope)",
    "tenants_staffaccess (id)",
    "tenants_staffaccess (staff_id)",  # at most one open, whichever the organization
    "tenants_user (email)",
    "tenants_user (id)",
    "tenants_user (username)",
}
GRANTS = {
    "agents_agentrolegrant",
    "agents_agentusergrant",
    "knowledge_documentrolegrant",
    "knowledge_documentusergrant",
    "tenants_projectrolegrant",
    "tenants_projectusergrant",
}
ALL = {"SELECT", "INSERT", "UPDATE", "DELETE"}
NARROW = {
    "tenants_organization": {"SELECT"}
    | {
        f"UPDATE ({column})"
        for column in ("name", "description", "email", "phone", "website", "updated_at")
    },
    "tenants_organizationusage": {
        "SELECT",
        "UPDATE (users)",
        "UPDATE (projects)",
        "UPDATE (storage_bytes)",
    },
    "agents_budgetperiod": {"SELECT", "INSERT", "UPDATE (used)", "UPDATE (reserved)"},
    "agents_usagerecord": {"SELECT", "INSERT"},
    "tenants_auditentry": {"SELECT", "INSERT"},
    "tenants_auditseal": {"SELECT", "INSERT", "UPDATE (position)", "UPDATE (digest)"},
    "tenants_staffaccess": {"SELECT"},
    # What it says stands for good: it is deleted and restored, and no more.
    "agents_agentversion": {
        "SELECT",
        "INSERT",
        "UPDATE (is_deleted)",
        "UPDATE (deleted_at)",
        "UPDATE (deletion_id)",
        "UPDATE (updated_at)",
    },
}
# What stands as a record: platform staff can end an access, and change or remove none.
NARROW_PLATFORM = {
    "agents_budgetperiod": {"SELECT"},
    "agents_usagerecord": {"SELECT"},
    "tenants_auditentry": NARROW["tenants_auditentry"],
    "tenants_auditseal": NARROW["tenants_auditseal"],
    "agents_agentversion": NARROW["agents_agentversion"],
    "tenants_staffaccess": {"SELECT", "INSERT", "UPDATE (ended_at)"},
}
TENANT_FREE_PRIVILEGES = {
    "auth_permission": {"SELECT"},
    "django_content_type": {"SELECT"},
    "django_migrations": {"SELECT"},
    "django_session": ALL,
    "procrastinate_events": ALL,
    "procrastinate_events_id_seq": {"USAGE"},
    "procrastinate_jobs": ALL,
    "procrastinate_jobs_id_seq": {"USAGE"},
    "procrastinate_periodic_defers": ALL,
    "procrastinate_periodic_defers_id_seq": {"USAGE"},
    "procrastinate_workers": ALL,
    "tenants_attemptcount": ALL,
    "tenants_knownaddress": ALL,
    "tenants_permission": {"SELECT"},
}
# Somebody who signs in is not platform staff yet.
THE_APPLICATIONS_ALONE = {"tenants_attemptcount", "tenants_knownaddress"}
_CURRENT = "(NULLIF(current_setting('app.organization_id'::text, true), ''::text))::uuid"
LOOKUPS = {
    "agents_find_lost_calls(integer)",  # ids alone, for the job that settles
    "agents_find_lost_replies(integer)",  # ids alone, for the sweep
    "agents_find_overdue_replies(integer,integer)",  # ids alone, for the sweep
    "knowledge_find_waiting(integer)",  # ids alone, for the sweep
    "tenants_find_login(text)",
    "tenants_find_organization(text)",
    "tenants_find_token(text)",
    "tenants_find_unsealed(integer)",  # ids alone, for the job that seals
    "tenants_find_user(uuid)",
}
# With the rights of whoever makes the change.
AUDIT_FUNCTIONS = {
    "tenants_audit(text,text,uuid,uuid,text,boolean,jsonb,jsonb,text[])",
    "tenants_uuid7()",
}

KEPT = ("agents_usagerecord", "tenants_auditentry", "tenants_auditseal")  # rows only ever added
TENANT_TABLES = {model._meta.db_table for model in tenant_models()}
OUR_TRIGGERS = {(table, f"{table}_audit") for table in TENANT_TABLES - UNAUDITED.keys()} | {
    (table, f"{table}_keep") for table in KEPT
}


def policy(name, expression, command="ALL", login=APP):
    check = None if command == "SELECT" else expression
    return Policy(name, "PERMISSIVE", (login,), command, expression, check)


def expected_policies(table):
    rows = f"({organization_column(table)} = {_CURRENT})"
    name = "own_organization" if table == "tenants_organization" else "tenant"
    expected = {policy(name, rows)}
    if table in ("tenants_role", "tenants_rolepermission"):
        expected.add(policy("readable_if_null", "(organization_id IS NULL)", "SELECT"))
    if table in PLATFORM_TABLES:
        no_content = "(NOT is_content)" if table == "tenants_auditentry" else "true"
        expected.add(policy("platform", no_content, login=PLATFORM))
    return expected


def expected_privileges(table):
    app = {APP: NARROW.get(table, ALL)}
    platform = {PLATFORM: NARROW_PLATFORM.get(table, ALL)}
    return app | platform if table in PLATFORM_TABLES else app


def test_every_table_is_an_organizations_or_listed_with_its_reason():
    assert catalogue.tables().keys() == TENANT_TABLES | TENANT_FREE.keys()
    assert not TENANT_TABLES & TENANT_FREE.keys()
    assert all(len(reason) > 20 for reason in TENANT_FREE.values())


def test_row_security_is_on_for_everybody_the_owner_included():
    found = catalogue.tables()
    assert {table for table in found if found[table] == (True, True)} == TENANT_TABLES
    assert {table for table in found if found[table] == (False, False)} == TENANT_FREE.keys()


def test_the_policies_are_exactly_those_declared():
    expected = {table: expected_policies(table) for table in TENANT_TABLES}
    assert catalogue.policies() == expected


def test_the_privileges_are_exactly_those_declared():
    tenant_free = {
        name: {APP: granted} | ({} if name in THE_APPLICATIONS_ALONE else {PLATFORM: granted})
        for name, granted in TENANT_FREE_PRIVILEGES.items()
    }
    expected = {table: expected_privileges(table) for table in TENANT_TABLES}
    assert catalogue.privileges() == expected | tenant_free


def test_the_models_open_exactly_these_tables_to_platform_staff():
    from tenants.control_plane import platform_models

    assert {model._meta.db_table for model in platform_models()} == PLATFORM_TABLES


def test_a_primary_key_starts_with_the_organization():
    found = catalogue.constraints("p")
    assert found.keys() >= TENANT_TABLES
    for table, keys in found.items():
        if table in TENANT_TABLES - REPLICATED_TABLES:
            assert next(iter(keys.values())).startswith("PRIMARY KEY (organization_id"), table
        elif table in REPLICATED_TABLES:
            assert list(keys.values()) == ["PRIMARY KEY (id)"]


def test_an_index_starts_with_the_organization():
    found = catalogue.indexes()
    others = {f"{t} ({first})" for t in TENANT_TABLES for _, first in found[t].values()}
    assert {index for index in others if "(organization_id)" not in index} == GLOBAL_INDEXES


def test_a_unique_index_starts_with_the_organization_but_in_replicated_tables():
    for table in TENANT_TABLES - REPLICATED_TABLES:
        for name, (is_unique, first) in catalogue.indexes()[table].items():
            assert not is_unique or first == "organization_id", name


def declared_references():
    """The table, name and definition of each `CompositeForeignKey`."""
    for model in tenant_models():
        for constraint in model._meta.constraints:
            if isinstance(constraint, CompositeForeignKey):
                field = model._meta.get_field(constraint.field)
                target = field.related_model._meta
                there = f"{target.db_table}({constraint.references}, {target.pk.column})"
                key = f"FOREIGN KEY ({constraint.companion}, {field.column}) REFERENCES {there}"
                yield model._meta.db_table, constraint.name, key


def test_a_reference_between_organizations_tables_carries_the_organization():
    found = catalogue.constraints("f")
    for table, name, definition in declared_references():
        assert found[table].pop(name) == definition
    rest = {
        definition.split(" REFERENCES ")[1].split("(")[0]
        for table in TENANT_TABLES
        for definition in found.get(table, {}).values()
    }
    assert rest == {
        "auth_permission",
        "tenants_organization",
        "tenants_permission",
        "tenants_user",
    }
    # Grants, as guardian wants them.
    named = {t for t in TENANT_TABLES if "REFERENCES auth_permission" in str(found.get(t))}
    assert named == GRANTS
    # Platform staff have tokens, too, but no organization: a plain key stands beside the other.
    to_users = {t for t in TENANT_TABLES if "REFERENCES tenants_user" in str(found.get(t))}
    assert to_users == {"tenants_accesstoken"}


def test_there_is_a_reference_for_each_foreign_key_between_organizations_tables():
    keys = {
        (model._meta.db_table, field.column)
        for model in tenant_models()
        for field in model._meta.concrete_fields
        if field.remote_field and field.related_model in tenant_models()
        if field.related_model._meta.label != "tenants.Organization"
    }
    declared = {
        (table, definition.split(")")[0].split(", ")[1])
        for table, _, definition in declared_references()
    }
    assert keys == declared


def test_a_foreign_key_is_checked_at_once_and_changes_nothing_by_itself():
    loose = catalogue.loose_foreign_keys()
    assert {name for name in loose if not name.startswith("procrastinate_")} == set()


def test_the_functions_of_the_owner_are_known_and_only_read():
    found = catalogue.functions()
    definers = {name: function for name, function in found.items() if function.is_definer}
    settings = ("search_path=pg_catalog, public, pg_temp",)
    assert definers == dict.fromkeys(
        LOOKUPS, Function(OWNER, True, "s", settings, frozenset({OWNER, APP}))
    )
    others = {name for name in found if not name.startswith("procrastinate_")} - LOOKUPS
    assert others == AUDIT_FUNCTIONS | {f"{name}()" for _, name in OUR_TRIGGERS}


def test_no_view_shows_what_a_policy_hides():
    assert catalogue.other_relations() == set()


def test_the_triggers_are_those_of_the_audit_trail_and_no_others():
    assert {found for found in catalogue.triggers() if found[0] in TENANT_TABLES} == OUR_TRIGGERS


def test_the_logins_own_nothing_are_members_of_nothing_and_pass_nothing_by():
    powers = (
        "rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication,"
        " EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid),"
        " EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid),"
        " EXISTS (SELECT FROM pg_proc WHERE proowner = pg_roles.oid)"
    )
    for login in (APP, PLATFORM):
        assert run(f"SELECT {powers} FROM pg_roles WHERE rolname = %s", [login]) == [(False,) * 8]


def test_the_owner_owns_every_table_and_sees_every_row():
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    assert run(owners) == [(OWNER,)]
    see = "SELECT rolbypassrls, rolsuper FROM pg_roles WHERE rolname = %s"
    assert run(see, [OWNER]) == [(True, False)]


def test_nobody_else_may_make_anything_in_the_schema():
    for login in (APP, PLATFORM, "public"):
        assert run("SELECT has_schema_privilege(%s, 'public', 'CREATE')", [login]) == [(False,)]


def test_what_is_made_later_is_nobodys_by_default():
    assert run("SELECT count(*) FROM pg_default_acl") == [(0,)]


def test_every_model_of_ours_has_its_table():
    tables = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in {"tenants", "knowledge", "agents"} and not model._meta.proxy
    }
    assert tables == TENANT_TABLES | {"tenants_permission"} | THE_APPLICATIONS_ALONE
