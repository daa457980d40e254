"""The matrix covers what there is: routes, admins, columns; and its lists hold nothing else."""

import pytest
from django.contrib import admin

from config.tests.matrix.actors import BY_NAME, SESSION, TOKEN, client_of, renew
from config.tests.matrix.asking import path_of
from config.tests.matrix.bodies import ENTRIES, asked
from config.tests.matrix.checks import answer_of
from config.tests.matrix.pages import MODELS
from config.tests.matrix.patterns import SAFE, all_patterns
from config.tests.matrix.targets import NAMED, PLAIN, labels, targets
from config.tests.matrix.texts import takes_text
from config.tests.matrix.world import JOB
from tenants.tests.rows import tenant_models
from tenants.tests.sql import run

pytestmark = pytest.mark.django_db(databases=["default", "platform"])

PATTERNS = all_patterns()
# Columns that hold no text of ours in any row, each with its reason.
WITHOUT_TEXT: dict[str, str] = {
    "agents.AgentConfig.model_name": "it must name a model",
    "agents.Budget.currency": "it holds three letters",
    "agents.OpenCall.currency": "it holds three letters",
    "agents.UsageRecord.currency": "it holds three letters",
    "agents.AgentConfig.fallback_model": "it must name a model",
    "agents.AgentConfig.tools": "they must name tools",
    "agents.ModelProvider.key_end": "it holds four characters",
    "knowledge.Posting.lexeme": "it is what everybody searches for",
}


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_every_route_is_listed(pattern):
    for method in pattern.methods:
        assert asked(pattern, method)
    assert len(labels(pattern)) == len(pattern.parameters)


def test_nothing_else_is_listed():
    assert not ENTRIES.keys() - {pattern.name for pattern in PATTERNS}
    assert MODELS.keys() == {model._meta.label for model in admin.site._registry}
    parameters = {name for pattern in PATTERNS for name in pattern.parameters}
    assert not PLAIN.keys() - parameters
    named = {f"{pattern.name} {name}" for pattern in PATTERNS for name in pattern.parameters}
    assert not NAMED.keys() - named


def test_every_column_holds_a_text_that_says_whose_it_is(world):
    without = {
        f"{model._meta.label}.{column.name}"
        for model in tenant_models()
        for column in model._meta.concrete_fields
        if takes_text(column) and not _holds_text(model._meta.db_table, column.column)
    }
    assert without == WITHOUT_TEXT.keys(), (
        "Give these columns a text in config/tests/matrix/world.py (_given), or say in "
        "WITHOUT_TEXT why they can have none."
    )


def _holds_text(table, column):
    return run(f"SELECT 1 FROM {table} WHERE {column}::text ILIKE '%acme%' LIMIT 1") != []


def test_every_table_has_rows_of_both_organizations_and_each_entity_a_deleted_one(world):
    expected = {model._meta.label for model in tenant_models()}
    for side in world.sides.values():
        assert side.own.keys() >= expected | {JOB}
        assert {label for label, row in side.own.items() if hasattr(row, "deletion_id")} <= (
            side.deleted.keys()
        )


def test_the_files_of_documents_say_whose_they_are(world):
    for slug, side in world.sides.items():
        with side.own["knowledge.Document"].file.open("rb") as file:
            assert slug.encode() in file.read()


def test_what_changes_something_needs_a_token_against_forgery_in_a_session(world):
    owner = BY_NAME["owner"]
    client = client_of(owner, world, SESSION)
    del client.defaults["HTTP_X_CSRFTOKEN"]
    refused = 0
    for pattern in PATTERNS:
        for method in set(pattern.methods) - SAFE:
            if pattern.parameters or asked(pattern, method).by in ("anonymous", "nobody"):
                continue
            renew(client, owner, world, SESSION)
            answer = client.generic(method, pattern.template)
            assert answer.status_code in (403, 405), f"{method} {pattern.name}"
            refused += answer.status_code == 403
    assert refused > 10


# What shows no text of any row.
SHOWS_NO_TEXT = {"permission-list", "permission-detail", "schema", "docs", "api-root"}
SHOWS_NO_TEXT |= {"agent-templates"}


def test_the_texts_that_are_searched_for_are_shown_to_their_own(world):
    owner = BY_NAME["owner"]
    client = client_of(owner, world, TOKEN)
    without = set()
    for pattern in PATTERNS:
        if pattern.viewset is None or "GET" not in pattern.declared:
            continue
        target = targets(pattern, owner, world)[0]
        answer = answer_of(client.get(path_of(pattern, target)), [])
        assert answer.status == 200, pattern.name
        if b"acme" not in answer.body:
            without.add(pattern.name)
    assert without == SHOWS_NO_TEXT
