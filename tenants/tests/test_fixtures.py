import io
import json

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from tenants.audit.verification import verify
from tenants.context import acting_for
from tenants.counters import COUNTERS, actual
from tenants.deletion import delete
from tenants.lookup import find_by_login, find_organization
from tenants.models import Project, Role, User
from tenants.sharing import give
from tenants.tasks import seal_audit_trail
from tenants.testing import as_owner, remove_everything

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])


@pytest.fixture
def demo(transactional_db):
    with as_owner():
        remove_everything()
        call_command("loaddata", "demo", verbosity=0)


TRAIL = ("tenants.AuditEntry", "tenants.AuditSeal")


def dump(*, exclude: tuple[str, ...] = ()) -> str:
    text = io.StringIO()
    call_command("dumpdata", "--all", exclude=exclude, stdout=text)
    # Of less than a millisecond no more than zeros are written, and of these nothing the next time.
    return text.getvalue().replace(".000Z", "Z")


def test_what_was_dumped_loads_into_an_empty_database_as_it_was(demo, tmp_path):
    with acting_for(find_organization("acme")):
        proposals = Project.objects.get(name="Proposals")
        give(row=proposals, action="change", to=User.objects.get(username="acme-member"))
        give(row=proposals, action="view", to=Role.objects.get(name="Viewer"))
        delete(proposals)
    with as_owner():
        before, rows = dump(), dump(exclude=TRAIL)
        remove_everything()
        (tmp_path / "before.json").write_text(before)
        call_command("loaddata", tmp_path / "before.json", verbosity=0)
        assert json.loads(dump(exclude=TRAIL)) == json.loads(rows)


def test_the_audit_trail_is_dumped_and_loaded_and_goes_on(demo, tmp_path):
    seal_audit_trail(0)
    acme = find_organization("acme")
    with as_owner():
        sealed = verify(acme)
        (tmp_path / "before.json").write_text(dump())
        remove_everything()
        call_command("loaddata", tmp_path / "before.json", verbosity=0)
        loaded = verify(acme, {sealed.sealed: sealed.head})
    assert (loaded.sealed, loaded.faults) == (sealed.sealed, [])
    assert loaded.unsealed > 0  # that the rows were loaded
    seal_audit_trail(0)
    with as_owner():
        assert verify(acme).faults == []


def test_the_counters_of_the_demo_say_what_is_there(demo):
    with as_owner():
        for counter in COUNTERS:
            holder = counter.holder_model()._base_manager
            assert not holder.exclude(**{counter.field: actual(counter)}).exists(), counter


@pytest.mark.parametrize("login", ["admin@chancery.example", "owner@acme.example", "globex-member"])
def test_the_demo_password_signs_in_only_where_the_demo_is(demo, client, login):
    assert find_by_login(login)
    assert not client.login(username=login, password="demo")
    with override_settings(CHANCERY_DEMO=True):
        assert client.login(username=login, password="demo")


def test_the_demo_has_five_published_agents_for_each_organization(demo):
    from django.apps import apps

    for slug in ("acme", "globex"):
        with acting_for(find_organization(slug)):
            agents = apps.get_model("agents.AgentConfig").objects.published()
            assert sorted(agents.values_list("agent_type", flat=True)) == [
                "doc",
                "finance",
                "hr",
                "jira",
                "rfp",
            ]


def test_loading_the_demo_twice_changes_nothing(demo):
    with as_owner():
        before = dump()
        call_command("loaddata", "demo", verbosity=0)
        assert json.loads(dump()) == json.loads(before)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM tenants_organization")
            assert cursor.fetchone() == (2,)
