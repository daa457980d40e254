"""A linter for row security reads ours; what it finds is what docs/pgrls.md answers, no more."""

import json
import re
import subprocess
import sys
from urllib.parse import urlencode

import pytest
from django.db import connection

from common.home import ROOT
from common.logins import OWNER
from tenants.checks import TENANT_FREE
from tenants.tests.rows import tenant_models
from tenants.tests.sql import organization_column
from tenants.tests.test_catalogue import (
    LOOKUPS,
    OUR_TRIGGERS,
    PLATFORM_TABLES,
    TENANT_TABLES,
)

pytest.importorskip("pgrls")
pytestmark = [pytest.mark.long, pytest.mark.django_db]

# Unique across organizations on purpose: each is a way to find somebody before anything is known.
GLOBALLY_UNIQUE = {
    "tenants_accesstoken (tenants_accesstoken_digest_key)",
    "tenants_organization (tenants_organization_slug)",
    "tenants_user (tenants_user_email)",
    "tenants_user (tenants_user_username)",
}


def columns():
    """(table, column) of every table that holds rows of organizations, where NULL may stand."""
    for model in tenant_models():
        for field in model._meta.concrete_fields:
            yield model._meta.db_table, field


def answered():
    """Rule and place of everything that docs/pgrls.md gives a reason for."""
    platform = {f"{table}.platform" for table in PLATFORM_TABLES - {"tenants_auditentry"}}
    own = {
        f"{table}.{'tenant' if organization_column(table) != 'id' else 'own_organization'}"
        for table in TENANT_TABLES
    }
    found = {
        "SEC001": set(TENANT_FREE),
        "SEC005": platform,
        "SEC007": TENANT_TABLES,
        "SEC008": platform,
        "SEC013": {f"{table}.{trigger}" for table, trigger in OUR_TRIGGERS},
        "SEC014": {name.split("(")[0] for name in LOOKUPS},
        "SEC016": {OWNER},
        "SEC027": {table for table, field in columns() if field.column == "user_id"},
        "SEC028": platform,
        "SEC030": {t for t, field in columns() if field.name == "organization" and field.null},
        "SEC035": GLOBALLY_UNIQUE,
        "SEC038": platform,
        "PERF001": own,
        "PERF003": {"tenants_auditentry.platform"},
    }
    return {(rule, place) for rule, places in found.items() for place in places}


@pytest.fixture(scope="module")
def findings(django_db_setup):
    """(rule, place) of all that the linter says of the migrated database, read as its owner."""
    found = connection.settings_dict
    place = urlencode({"host": found["HOST"], "port": found["PORT"]})
    url = f"postgresql://{OWNER}:{found['PASSWORD']}@/{found['NAME']}?{place}"
    command = [sys.executable, "-m", "pgrls", "lint", "--database-url", url, "--format", "json"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.returncode in (0, 1), ran.stderr
    said = json.loads(ran.stdout)["violations"]
    return {(one["rule_id"], one["location"].removeprefix("public.")) for one in said}


def test_everything_that_the_linter_finds_is_answered(findings):
    assert sorted(findings - answered()) == []


def test_nothing_is_answered_that_the_linter_does_not_find(findings):
    assert sorted(answered() - findings) == []


def test_each_rule_that_speaks_has_its_reason():
    text = (ROOT / "docs" / "pgrls.md").read_text()
    given = set(re.findall(r"^\| ([A-Z]+\d{3}) \| .{40}", text, re.MULTILINE))
    assert given == {rule for rule, _ in answered()}
