"""Records of usage are only ever added, and outlive all but their organization."""

import pytest
from django.db import DatabaseError, connection, transaction

from agents.models import UsageRecord
from agents.tests.accounting.conftest import begin, end
from tenants import deletion
from tenants.context import acting_for
from tenants.purging import purge_organization
from tenants.testing import as_owner

pytestmark = pytest.mark.django_db(transaction=True)


def refused(organization, sql):
    with (
        pytest.raises(DatabaseError) as refusal,
        acting_for(organization),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, [organization.pk])
    return str(refusal.value)


def test_nobody_changes_or_deletes_a_record_and_a_purge_of_all_does(caller, acme):
    end(begin(caller))
    change = "UPDATE agents_usagerecord SET cost = 0 WHERE organization_id = %s"
    removal = "DELETE FROM agents_usagerecord WHERE organization_id = %s"
    assert "permission denied" in refused(acme, change)
    assert "permission denied" in refused(acme, removal)
    with as_owner():
        assert "only ever added" in refused(acme, change)
        assert "only ever added" in refused(acme, removal)
    with acting_for(acme):
        assert UsageRecord.objects.get().cost is not None
    with as_owner():
        purge_organization(acme, older_than=0)
        with acting_for(acme):
            assert UsageRecord.objects.count() == 1
            deletion.delete(acme)
        purge_organization(acme, older_than=0)
        assert not UsageRecord.objects.exists()
