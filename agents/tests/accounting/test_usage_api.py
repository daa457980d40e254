"""Budgets and usage over the API and in the admin."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Budget, Message, UsageRecord
from agents.testing import make_conversation
from agents.tests.accounting.conftest import MODEL, NOON, begin, end, make_budget
from tenants.admin.testing import errors_of, filled, page, signed_in
from tenants.api.testing import api_as, fields_at_fault, problem
from tenants.context import acting_for

pytestmark = pytest.mark.django_db
both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
BUDGETS, USAGE = "/api/v1/budgets/", "/api/v1/usage/"
NEW = {"unit": "money", "currency": "USD", "period": "day", "limit": "12.50"}


@pytest.fixture
def owner(people):
    return api_as(people["acme-owner"])


def test_owners_keep_budgets_and_managers_see_them(owner, people, caller):
    given = NEW | {"agent": str(caller.agent_id)}
    made = owner.post(BUDGETS, given)
    assert made.status_code == 201, made.json()
    path = f"{BUDGETS}{made.json()['id']}/"
    end(begin(caller, at=timezone.now()))
    manager = api_as(people["acme-manager"])
    for body in (manager.get(path).json(), manager.get(BUDGETS).json()["results"][0]):
        assert (body["limit"], body["used"], body["agent"]) == (
            "12.5",
            "0.000092",
            str(caller.agent_id),
        )
        assert body["is_nearly_used"] is False
        assert datetime.fromisoformat(body["renews_at"]) - datetime.now(UTC) < timedelta(days=1)
    for name in ("acme-manager", "acme-member", "acme-viewer"):
        client = api_as(people[name])
        problem(client.post(BUDGETS, NEW), 403)
        problem(client.patch(path, {"limit": 1}), 403)
        problem(client.delete(path), 403)
    problem(api_as(people["acme-member"]).get(BUDGETS), 403)
    problem(api_as(people["globex-owner"]).get(path), 404)
    changed = owner.patch(path, {"limit": "0.0001"}).json()
    assert (changed["limit"], changed["is_nearly_used"]) == ("0.0001", True)
    assert fields_at_fault(owner.patch(path, {"period": "month"})) == {"period"}
    assert fields_at_fault(owner.post(BUDGETS, given)) == {"period"}
    assert owner.delete(path).status_code == 204
    assert owner.post(f"{path}restore/").json()["used"] == "0.000092"


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("limit", {"limit": "-1"}),
        ("limit", {"limit": "NaN"}),
        ("currency", {"currency": ""}),
        ("currency", {"unit": "tokens"}),
        ("currency", {"currency": "usd"}),
        ("unit", {"unit": "hours"}),
        ("period", {"period": "year"}),
        ("agent", {"agent": "0199f0a0-7c1e-7b3a-9d55-3f1c6d1b2a4e"}),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(owner, field, change):
    assert fields_at_fault(owner.post(BUDGETS, NEW | change)) == {field}


def test_more_budgets_take_no_more_statements_where_each_has_been_used(acme, owner, caller):
    def statements():
        with CaptureQueriesContext(connection) as found:
            assert owner.get(BUDGETS).status_code == 200
        return len(found)

    with acting_for(acme):
        make_budget(1_000)
    end(begin(caller, at=timezone.now()))
    with_one = statements()
    with acting_for(acme):
        make_budget(1_000, period="day")
        make_budget(1_000, user_id=caller.user_id)
    end(begin(caller, at=timezone.now()))
    assert statements() == with_one


def test_a_question_that_no_budget_lets_through_is_not_stored(acme, people, caller, settings):
    settings.OPENAI_API_KEY = "sk-of-the-test"
    member = people["acme-member"]
    with acting_for(acme):
        conversation = make_conversation(member, model_name=MODEL)
        budget = make_budget(100, period="day", user_id=member.pk)
    end(begin(caller, at=timezone.now()))
    client = api_as(member)
    path = f"/api/v1/conversations/{conversation.pk}/messages/"
    answer = client.post(path, {"content": "How many days?"})
    body = problem(answer, 429)
    assert (body["type"], body["title"]) == ("urn:chancery:budget-exceeded", "Budget used up")
    assert (body["budget"], body["limit"], body["used"]) == (str(budget.pk), "100", "34")
    assert "100 tokens a day" in body["detail"]
    assert body["renews_at"][:19] in body["detail"]
    assert 0 < int(answer["Retry-After"]) <= 86_400
    with acting_for(acme):
        assert not Message.objects.exists()
        make_budget(10, unit="money", currency="EUR")
        Budget.objects.filter(pk=budget.pk).update(limit=1_000_000)
    assert problem(client.post(path, {"content": "Why?"}), 409)["type"].endswith("price-unknown")
    with acting_for(acme):
        Budget.objects.filter(currency="EUR").update(currency="USD")
        Budget.objects.exclude(pk=budget.pk).update(limit=Decimal("0.001"))
    assert problem(client.post(path, {"content": "Why?"}), 429)["currency"] == "USD"


def test_usage_is_summed_by_what_is_asked_for(acme, owner, people, caller, globex):
    end(begin(caller, at=NOON), cached=10)
    end(begin(caller, at=NOON - timedelta(days=1)), read=7, outcome="failed")
    end(begin(caller, at=NOON, model="gpt-9"))
    end(begin(caller, at=NOON - timedelta(days=60)))
    days = {"since": "2026-11-01", "until": "2026-11-30"}
    manager = api_as(people["acme-manager"])
    body = manager.get(USAGE, days | {"group_by": "day,model"}).json()
    assert (body["since"], body["until"]) == ("2026-11-01", "2026-11-30")
    assert [(row["day"], row["model"], row["calls"]) for row in body["results"]] == [
        ("2026-11-29", MODEL, 1),
        ("2026-11-30", MODEL, 1),
        ("2026-11-30", "gpt-9", 1),
    ]
    failed, known, unknown = body["results"]
    assert (failed["not_completed"], failed["input_tokens"]) == (1, 7)
    assert (known["cost"], known["cached_tokens"], known["currency"]) == ("0.000077", 10, "USD")
    assert (unknown["cost"], unknown["unpriced"]) == (None, 1)
    assert "agent" not in known
    (of_agent, _) = owner.get(USAGE, days | {"group_by": "agent,user,project"}).json()["results"]
    assert of_agent["agent"] == str(caller.agent_id)
    assert of_agent["agent_name"].startswith("Agent")
    assert (of_agent["user_name"], of_agent["project_name"]) == ("acme-member", "Rocket")
    problem(api_as(people["acme-member"]).get(USAGE), 403)
    assert api_as(people["globex-owner"]).get(USAGE, days).json()["results"] == []
    assert fields_at_fault(owner.get(USAGE, {"group_by": "cost"})) == {"group_by"}
    assert fields_at_fault(owner.get(USAGE, {"since": "2020-01-01"})) == {"until"}


def test_who_sees_no_people_is_told_none_of_their_names(owner, people, caller):
    end(begin(caller, at=timezone.now()))
    client = api_as(people["acme-owner"], scopes=["tenants.view_organizationusage"])
    (row,) = client.get(USAGE, {"group_by": "user,agent"}).json()["results"]
    assert (row["user"], row["user_name"], row["agent_name"]) == (
        str(caller.user_id),
        None,
        None,
    )


def test_usage_is_summed_in_one_statement(owner, caller, django_assert_max_num_queries, people):
    for _ in range(3):
        end(begin(caller, at=timezone.now()))
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as asked:
        owner.get(USAGE, {"group_by": "day,agent,user"})
    assert len([q for q in asked if "agents_usagerecord" in q["sql"]]) == 1


@both_logins
@pytest.mark.parametrize("username", ["acme-owner", "staff"])
def test_the_admin_shows_budgets_and_usage(acme, caller, username):
    end(begin(caller, at=timezone.now()))
    browser = signed_in(username)
    given = {"unit": "tokens", "currency": "", "period": "month", "limit": "170"}
    if username == "staff":
        given["organization"] = str(acme.pk)
    add = page(Budget, "add")
    assert browser.post(add, given | {"currency": "USD"}).status_code == 200
    assert browser.post(add, given).status_code == 302
    assert errors_of(browser.post(add, given))["period"]
    with acting_for(acme):
        budget = Budget.objects.get()
    shown = browser.get(page(Budget, "changelist")).content.decode()
    assert "34 of 170 (20%)" in shown
    form = filled(browser.get(page(Budget, "change", budget.pk)), limit="340", period="day")
    assert browser.post(page(Budget, "change", budget.pk), form).status_code == 302
    with acting_for(acme):
        budget.refresh_from_db()
        record = UsageRecord.objects.get()
    assert (budget.limit, budget.period) == (340, "month")
    assert MODEL in browser.get(page(UsageRecord, "changelist")).content.decode()
    assert (
        str(caller.agent_id) in browser.get(page(UsageRecord, "change", record.pk)).content.decode()
    )
    assert browser.get(page(UsageRecord, "add")).status_code == 403
    assert browser.post(page(UsageRecord, "delete", record.pk), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("9999-12-31", "9999-12-31"),
        ("9000-01-01", "9000-01-02"),
        ("0001-01-01", "9999-12-31"),
        ("2026-11-02", "2026-11-01"),
    ],
)
def test_days_that_cannot_be_summed_are_refused(owner, since, until):
    assert fields_at_fault(owner.get(USAGE, {"since": since, "until": until})) == {"until"}
    assert owner.get(USAGE, {"since": "0001-01-01", "until": "0001-01-01"}).status_code == 200
