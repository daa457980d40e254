"""The hash chain finds whatever was done to the audit trail behind the application's back."""

from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from common.ids import uuid7
from tenants import services
from tenants.audit.sealing import seal
from tenants.audit.verification import verify
from tenants.context import acting_for
from tenants.models import AuditEntry, AuditSeal
from tenants.models.role import PLATFORM_SCOPE
from tenants.tasks import seal_audit_trail
from tenants.testing import as_owner
from tenants.tests.sql import run

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])

ENTRIES = """
    INSERT INTO tenants_auditentry (id, organization_id, created_at, action, object_type,
        object_name, is_content, after, actor_name, acting_as, way, address)
    SELECT tenants_uuid7(), %(organization)s, clock_timestamp(), 'changed', 'tenants.Project',
        'Project ' || number, false, jsonb_build_object('name', number, 'share', number / 7.0),
        'somebody', 'member', 'api', '' FROM generate_series(1, %(count)s) AS number
"""
SEALS = """
    INSERT INTO tenants_auditseal (organization_id, entry_id) SELECT organization_id, id
    FROM tenants_auditentry entry WHERE NOT EXISTS (
        SELECT FROM tenants_auditseal seal WHERE seal.entry_id = entry.id)
"""


def sealed(organization, count):
    """Fill the trail of an organization to so many sealed entries."""
    with acting_for(organization):
        missing = count - AuditEntry.objects.count()
    run(ENTRIES, {"organization": organization.pk, "count": missing})
    run(SEALS)
    seal_audit_trail(0)


def tamper(*statements):
    """Do what somebody with the owner's password and time could do."""
    for table in ("tenants_auditentry", "tenants_auditseal"):
        run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    try:
        for statement in statements:
            run(statement)
    finally:
        for table in ("tenants_auditentry", "tenants_auditseal"):
            run(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def faults(organization, known=None):
    with as_owner():
        return verify(organization.pk, known).faults


def at(organization, position):
    [(entry,)] = run(
        "SELECT entry_id FROM tenants_auditseal WHERE organization_id = %s AND position = %s",
        [organization.pk, position],
    )
    return entry


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.long)])
def test_one_altered_row_among_thousands_is_found(acme, count):
    sealed(acme, count)
    assert faults(acme) == []
    entry = at(acme, 777)
    tamper(f"UPDATE tenants_auditentry SET actor_name = 'nobody' WHERE id = '{entry}'")
    assert faults(acme) == [f"position 777: entry {entry} is not what was sealed there"]


@pytest.mark.parametrize(
    "change",
    [
        "after = '{\"name\": 8}'",
        "before = '{}'",
        "created_at = created_at + interval '1 millisecond'",
        "address = '192.0.2.1'",
        "is_content = true",
        "object_id = gen_random_uuid()",
        "actor_id = gen_random_uuid()",
    ],
)
def test_every_column_is_sealed(acme, change):
    sealed(acme, 40)
    tamper(f"UPDATE tenants_auditentry SET {change} WHERE id = '{at(acme, 30)}'")
    assert len(faults(acme)) == 1


def test_a_removed_entry_is_found(acme):
    sealed(acme, 40)
    entry = at(acme, 30)
    tamper(f"DELETE FROM tenants_auditentry WHERE id = '{entry}'")
    assert faults(acme) == [f"position 30: entry {entry} is gone"]


def test_a_removed_entry_is_found_when_its_seal_went_with_it(acme):
    sealed(acme, 40)
    entry = at(acme, 30)
    tamper(
        f"DELETE FROM tenants_auditentry WHERE id = '{entry}'",
        f"DELETE FROM tenants_auditseal WHERE entry_id = '{entry}'",
    )
    assert faults(acme)[0] == "positions 30 to 30 are gone"


def test_two_that_changed_places_are_found(acme):
    sealed(acme, 40)
    one, other = at(acme, 30), at(acme, 31)
    tamper(
        f"UPDATE tenants_auditseal SET position = 1000 WHERE entry_id = '{one}'",
        f"UPDATE tenants_auditseal SET position = 30 WHERE entry_id = '{other}'",
        f"UPDATE tenants_auditseal SET position = 31 WHERE entry_id = '{one}'",
    )
    assert len(faults(acme)) >= 2


def test_an_entry_that_was_smuggled_in_is_found(acme):
    sealed(acme, 40)
    run(ENTRIES, {"organization": acme.pk, "count": 1})
    [fault] = faults(acme)
    assert "has lost its seal" in fault


def test_a_chain_that_was_cut_short_is_found_by_its_noted_head(acme):
    sealed(acme, 40)
    with as_owner():
        noted = verify(acme.pk)
    tamper(
        f"DELETE FROM tenants_auditentry WHERE id = '{at(acme, 40)}'",
        f"DELETE FROM tenants_auditseal WHERE entry_id = '{at(acme, 40)}'",
    )
    assert faults(acme) == []
    assert faults(acme, {noted.sealed: noted.head}) == ["position 40 is gone"]


def test_what_was_written_since_is_the_unsealed_tail(acme):
    sealed(acme, 40)
    with acting_for(acme):
        services.create_project(organization_id=acme.pk, name="Rocket")
    with as_owner():
        found = verify(acme.pk)
    assert (found.sealed, found.unsealed, found.faults) == (40, 1, [])


def test_chains_grow_entry_by_entry_whoever_seals(acme):
    sealed(acme, 20)
    run(ENTRIES, {"organization": acme.pk, "count": 500})
    run(SEALS)

    def seal_some(_):
        try:
            with acting_for(acme):
                return seal(acme.pk, limit=50)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(seal_some, range(40))) == 500
    with as_owner():
        found = verify(acme.pk)
    assert (found.sealed, found.unsealed, found.faults) == (520, 0, [])


def test_each_organization_and_the_platform_has_its_own_chain(acme, globex):
    assert seal_audit_trail(0) > 30
    assert seal_audit_trail(0) == 0
    with as_owner():
        for organization_id in (acme.pk, globex.pk, PLATFORM_SCOPE):
            found = verify(organization_id)
            assert found.sealed > 0
            assert (found.unsealed, found.faults) == (0, [])
        assert not AuditSeal.objects.filter(position=None).exists()


def command(*arguments):
    output = StringIO()
    with as_owner():
        call_command("verify_audit", *arguments, stdout=output)
    return output.getvalue()


def test_the_command_says_what_is_sealed_and_where_each_chain_ends(acme):
    sealed(acme, 40)
    report = command()
    [line] = [line for line in report.splitlines() if line.startswith("acme:")]
    assert line.startswith("acme: 40 entries sealed; head acme:40:")
    head = line.split("head ")[1]
    assert command("--organization", "acme", "--known", head) == f"{line}\n"
    with pytest.raises(CommandError, match="1 faults"):
        command("--known", head[:-1] + ("0" if head[-1] != "0" else "1"))


def test_the_trail_of_an_organization_that_was_purged_is_named_by_its_id(acme):
    purged = uuid7()
    run(ENTRIES, {"organization": purged, "count": 3})
    run(SEALS)
    seal_audit_trail(0)
    line = command("--organization", str(purged))
    assert line.startswith(f"{purged}: 3 entries sealed; head {purged}:3:")
    assert command("--organization", str(purged), "--known", line.split("head ")[1][:-1]) == line


@pytest.mark.parametrize(
    "arguments",
    [
        ("--organization", "nowhere"),
        ("--known", "acme"),
        ("--known", "acme:1:abc"),
        ("--known", f"nowhere:1:{'0' * 64}"),
    ],
)
def test_the_command_refuses_what_is_none(acme, arguments):
    with pytest.raises(CommandError, match=r"no organization nowhere|is not SLUG"):
        command(*arguments)
