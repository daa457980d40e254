"""Agents, conversations and messages as designed, and what their constraints refuse."""

import pytest
from django.db import models

from agents.models import (
    AgentConfig,
    AgentVersion,
    Budget,
    BudgetPeriod,
    Conversation,
    Message,
    MessageFeedback,
    ModelProvider,
    TurnEvent,
    UsageRecord,
)
from tenants.context import acting_for
from tenants.deletion import delete
from tenants.models import User
from tenants.tests.declarations import breaks, declared, described, reverse_names
from tenants.tests.rows import make_one_of_each, make_row

SETTINGS = {
    "agent_type": "CharField(100)",
    "system_prompt": "TextField",
    "model_name": "CharField(100) = 'gemini-2.5-pro'",
    "fallback_model": "CharField(100) blank = ''",
    "temperature": "FloatField = 0.7",
    "max_tokens": "PositiveIntegerField = 4096",
    "tools": "JSONField blank = []",
    "metadata": "JSONField blank = {}",
}
DESIGN = {
    AgentConfig: SETTINGS
    | {
        "name": "CharField(255)",
        "slug": "SlugField(100)",
        "description": "TextField blank",
        "organization": "tenants.Organization",
        "project": "tenants.Project null blank",
        "is_active": "BooleanField = True",
    },
    AgentVersion: SETTINGS
    | {
        "organization": "tenants.Organization",
        "agent": "agents.AgentConfig",
        "number": "PositiveIntegerField null blank",
    },
    Conversation: {
        "organization": "tenants.Organization",
        "user": "tenants.User",
        "project": "tenants.Project",
        "agent": "agents.AgentConfig",
        "is_draft": "BooleanField = False",
        "title": "CharField(255) blank",
        "message_count": "PositiveIntegerField = 0",
    },
    Message: {
        "organization": "tenants.Organization",
        "conversation": "agents.Conversation",
        "role": "CharField(50)",
        "content": "TextField blank",
        "tokens_used": "PositiveIntegerField null blank",
        "finish_reason": "CharField(50) blank",
        "agent_version": "agents.AgentVersion null blank",
    },
    ModelProvider: {
        "organization": "tenants.Organization",
        "name": "CharField(100)",
        "kind": "CharField(20)",
        "base_url": "CharField(255) blank",
        "models": "JSONField blank = []",
        "is_active": "BooleanField = True",
    },
    TurnEvent: {"organization": "tenants.Organization", "message": "agents.Message"},
}
REVERSE_NAMES = {
    AgentConfig: {"versions": "agents.AgentVersion", "conversations": "agents.Conversation"},
    Conversation: {"messages": "agents.Message"},
    Message: {"events": "agents.TurnEvent"},
}
IN_RANGE = [
    ("agent_type", {"agent_type": "poet"}, {"agent_type": "hr"}),
    ("temperature", {"temperature": -0.1}, {"temperature": 0}),
    ("temperature", {"temperature": 2.1}, {"temperature": 2}),
    ("temperature", {"temperature": float("nan")}, {"temperature": 0.7}),
    ("max_tokens", {"max_tokens": 0}, {"max_tokens": 1}),
    ("tools", {"tools": {}}, {"tools": ["search"]}),
    ("tools", {"tools": "search"}, {"tools": []}),
    ("metadata", {"metadata": []}, {"metadata": {"a": 1}}),
    ("tool_names", {"tools": ["search", 1]}, {"tools": ["search", "1"]}),
    ("prompt", {"system_prompt": " \n"}, {"system_prompt": " a\n"}),
    ("deletion", {"is_deleted": True}, {"is_deleted": False}),
]
# What each refuses, and next to it what it lets pass.
CHECKS = [
    *((f"agents_agentconfig_{name}", AgentConfig, *values) for name, *values in IN_RANGE),
    *((f"agents_agentversion_{name}", AgentVersion, *values) for name, *values in IN_RANGE),
    ("agents_conversation_deletion", Conversation, {"is_deleted": True}, {"is_deleted": False}),
    ("agents_message_deletion", Message, {"is_deleted": True}, {"is_deleted": False}),
    ("agents_modelprovider_deletion", ModelProvider, {"is_deleted": True}, {"is_deleted": False}),
    ("agents_modelprovider_kind", ModelProvider, {"kind": "oracle"}, {"kind": "gemini"}),
    ("agents_modelprovider_models", ModelProvider, {"models": {}}, {"models": []}),
    ("agents_budget_deletion", Budget, {"is_deleted": True}, {"is_deleted": False}),
    ("agents_budget_unit", Budget, {"unit": "money"}, {"unit": "tokens"}),
    ("agents_budget_unit", Budget, {"currency": "EUR"}, {"unit": "money", "currency": "EUR"}),
    ("agents_budget_period", Budget, {"period": "year"}, {"period": "month"}),
    ("agents_budget_limit", Budget, {"limit": -1}, {"limit": 0}),
    ("agents_budgetperiod_amounts", BudgetPeriod, {"used": -1}, {"used": 0}),
    ("agents_budgetperiod_amounts", BudgetPeriod, {"reserved": -1}, {"reserved": 0}),
    ("agents_usagerecord_outcome", UsageRecord, {"outcome": "won"}, {"outcome": "lost"}),
    (
        "agents_usagerecord_cached",
        UsageRecord,
        {"input_tokens": 1, "cached_tokens": 2},
        {"input_tokens": 2, "cached_tokens": 2},
    ),
    (
        "agents_messagefeedback_deletion",
        MessageFeedback,
        {"is_deleted": True},
        {"is_deleted": False},
    ),
    ("agents_messagefeedback_rating", MessageFeedback, {"rating": "fine"}, {"rating": "down"}),
    ("agents_message_role", Message, {"role": "robot"}, {"role": "tool"}),
    ("agents_message_status", Message, {"status": "lost"}, {"status": "interrupted"}),
]
# The values that may not stand twice, and what makes room for another row.
UNIQUES = {
    "agents_agentconfig_slug": (AgentConfig, ["slug"], {"slug": "other"}),
    "agents_agentversion_number": (AgentVersion, ["number"], {"number": 2}),
    "agents_budget_once": (Budget, ["unit", "currency", "period"], {"period": "month"}),
    "agents_message_idempotency_key": (Message, ["idempotency_key"], {"idempotency_key": ""}),
    "agents_messagefeedback_one_each": (MessageFeedback, [], {"user": "somebody else"}),
    "agents_modelprovider_name": (ModelProvider, ["name"], {"name": "Other"}),
    "agents_message_one_turn_at_a_time": (Message, ["status"], {"status": "completed"}),
}
AMONG_THE_LIVING = {
    "agents_agentconfig_slug",
    "agents_budget_once",
    "agents_messagefeedback_one_each",
    "agents_message_one_turn_at_a_time",
    "agents_modelprovider_name",
}


NEXT: dict[type, dict] = {AgentVersion: {"number": 2}}


def label(value):
    return value._meta.label if hasattr(value, "_meta") else None


@pytest.fixture
def rows(acme):
    made = make_one_of_each(acme)
    with acting_for(acme):
        yield made


@pytest.mark.parametrize(("model", "fields"), DESIGN.items(), ids=label)
def test_the_fields_are_those_designed(model, fields):
    assert {**described(model), **fields} == described(model)


@pytest.mark.parametrize(("model", "names"), REVERSE_NAMES.items(), ids=label)
def test_what_refers_to_a_row_is_found_by_its_name(model, names):
    found = reverse_names(model)
    assert {**found, **names} == found


def test_the_choices_are_those_designed():
    assert (
        AgentConfig._meta.get_field("agent_type").choices
        == AgentVersion._meta.get_field("agent_type").choices
    )
    types = [value for value, _ in AgentConfig._meta.get_field("agent_type").choices]
    assert types == ["rfp", "jira", "doc", "hr", "finance"]
    assert Message.Role.values == ["user", "assistant", "system", "tool"]


@pytest.mark.parametrize(("name", "model", "wrong", "right"), CHECKS)
def test_a_check_refuses_what_must_never_be(rows, name, model, wrong, right):
    def written(values):
        if model in (AgentVersion, UsageRecord):  # which are written once
            make_row(model, rows, "again", **NEXT.get(model, {}), **values)
        else:
            model.objects.filter(pk=rows[label(model)].pk).update(**values)

    assert breaks(name, lambda: written(wrong))
    assert not breaks(name, lambda: written(right))


def test_every_check_is_tried():
    assert {check[0] for check in CHECKS} == declared("agents", models.CheckConstraint).keys()


@pytest.mark.parametrize("name", UNIQUES)
def test_what_is_there_once_is_refused_twice(rows, name):
    model, fields, other = UNIQUES[name]
    row = rows[label(model)]
    if name == "agents_message_one_turn_at_a_time":
        model.objects.update(status="pending")
        row.refresh_from_db()
    values = {field: getattr(row, field) for field in fields}
    if "user" in other:
        other = {"user": make_row(User, rows, "another")}
    if model is Message and "idempotency_key" not in fields:
        values["idempotency_key"] = other["idempotency_key"] = ""

    def another(given):
        make_row(model, rows, "again", **given)

    assert breaks(name, lambda: another(values))
    assert not breaks(name, lambda: another(values | other))
    if name in AMONG_THE_LIVING:
        delete(row)
        assert not breaks(name, lambda: another(values))


def test_every_unique_constraint_is_tried():
    found = declared("agents", models.UniqueConstraint)
    assert UNIQUES.keys() == found.keys()
    living = {name for name, (_, unique) in found.items() if "is_deleted" in str(unique.condition)}
    assert living == AMONG_THE_LIVING
