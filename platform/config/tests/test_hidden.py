"""What is deleted is seen nowhere: every page of the API and the admin is read for it.

Each row carries a word of its own in all its texts. It is there before the row is deleted.
"""

import json

import pytest
from django.contrib import admin
from django.db import models
from django.urls import reverse

from agents.baker_recipes import message_recipe
from common.models import Entity
from config.tests.test_api import ROUTES
from config.tests.test_isolation import filled
from knowledge.baker_recipes import document as document_recipe
from knowledge.testing import read_document
from tenants.admin.testing import page, signed_in
from tenants.api.testing import api_as
from tenants.context import acting_for
from tenants.deletion import delete
from tenants.models import AuditEntry, Organization, Project
from tenants.services import add_member
from tenants.tests.rows import make_row, tenant_models

ENTITIES = {
    model._meta.label: model
    for model in tenant_models()
    if issubclass(model, Entity) and model is not Organization
}
# Left as they are: what the database or the code reads, and what nobody is shown.
NOT_TEXT = {"password", "digest", "sha256", "file", "model_name", "embedding_model", "error"}
NOT_TEXT |= {"models", "sealed_key", "key_end", "currency"}
WRITTEN_ONCE = "agents.AgentVersion"


def word(label):
    """What stands in all texts of a row; none is part of another."""
    return f"canary{list(ENTITIES).index(label):02}"


@pytest.fixture
def rows(acme, people):
    """A row of each kind, all joined with each other wherever they can be."""
    text = f"# Notes\n\n{word('knowledge.Document')} {word('knowledge.DocumentChunk')} is here.\n"
    document = read_document(text, by=people["acme-owner"])
    with acting_for(acme):
        made = {"tenants.Organization": acme, "knowledge.Document": document}
        made["knowledge.DocumentChunk"] = document.chunks.get()
        for label, model in ENTITIES.items():
            if label == WRITTEN_ONCE:
                given = texts_of(model, word(label)) | {"published_by": made["tenants.User"]}
                made[label] = make_row(model, made, acme.slug, **given)
            elif label not in made:
                made[label] = make_row(model, made, acme.slug)
        question = message_recipe.make(conversation=made["agents.Conversation"], content="Why?")
        mail = document_recipe.make(file_type="eml", filename="mail.eml")
        join(made, {"reply_to": question, "attachment_of": mail})
        for label in ENTITIES.keys() - {WRITTEN_ONCE}:
            write_word(made[label], word(label))
        add_member(project=made["tenants.Project"], user=made["tenants.User"])
    return made


def join(made, given):
    for label, model in ENTITIES.items():
        for field in model._meta.concrete_fields:
            if (
                label != WRITTEN_ONCE
                and field.many_to_one
                and field.null
                and field.name != "organization"
            ):
                other = given.get(field.name) or made[field.related_model._meta.label]
                model.objects.filter(pk=made[label].pk).update(**{field.name: other})


def write_word(row, found):
    texts = texts_of(type(row), found)
    if row._meta.label in ("knowledge.DocumentChunk", "knowledge.Document"):
        texts.pop("content")  # as it was read
    type(row).objects.filter(pk=row.pk).update(**texts)


def texts_of(model, found):
    texts = {}
    for field in model._meta.concrete_fields:
        if field.name in NOT_TEXT or field.choices or field.generated:
            continue
        if isinstance(field, models.EmailField):
            texts[field.name] = f"{found}@acme.test"
        elif isinstance(field, models.JSONField):
            texts[field.name] = {"note": found} if field.get_default() == {} else [found]
        elif isinstance(field, models.CharField | models.TextField):
            texts[field.name] = found
    return texts


def pages_of_the_api(client, rows):
    for path, view in ROUTES:
        actions = getattr(view, "actions", {})
        # The audit trail goes on telling what was done, to those who may read it.
        if path.startswith("^audit/"):
            continue
        if "get" in actions and not path.endswith(("file/$", "events/$")):
            address = filled(path, rows)
            yield address, client.get(address)
            if actions["get"] == "list":  # with the choices of its form
                yield f"{address} (page)", client.get(address, headers={"Accept": "text/html"})
    for text in (word("knowledge.DocumentChunk"), word("knowledge.Document")):
        for mode in ("text", "hybrid"):
            asked = {"query": text, "mode": mode}
            yield f"search {asked}", client.post("/api/v1/search/", asked)


def pages_of_the_admin(browser, rows):
    for model, model_admin in admin.site._registry.items():
        if model is AuditEntry:
            continue
        yield browser, page(model, "changelist")
        yield browser, page(model, "changelist") + "?q=canary"
        yield browser, page(model, "add")
        row = rows.get(model._meta.label)
        if row is not None:
            for view in ("change", "delete"):
                yield browser, page(model, view, row.pk)
        filters = [item[0] for item in model_admin.list_filter if isinstance(item, tuple)]
        for name in {*model_admin.autocomplete_fields, *filters}:
            field = model._meta.get_field(name)
            asked = f"?app_label={model._meta.app_label}&model_name={model._meta.model_name}"
            address = reverse("admin:autocomplete") + f"{asked}&field_name={field.name}"
            yield browser, address
            yield browser, f"{address}&term=canary"


def said(response):
    if hasattr(response, "streaming_content") and response.streaming:
        return b"".join(response.streaming_content).decode(errors="replace")
    return response.content.decode(errors="replace")


def shown(rows, people):
    """What every page says, by address; what was asked for is no part of it."""
    found = {
        address: said(answer)
        for address, answer in pages_of_the_api(api_as(people["acme-owner"]), rows)
    }
    browser = signed_in("acme-owner")
    for one, address in pages_of_the_admin(browser, rows):
        found[address] = said(one.get(address, follow=True))
    return found


def those_with(label, pages):
    searched = json.dumps({"query": word(label)})[1:-1]
    return [a for a, text in pages.items() if word(label) in text.replace(searched, "")]


def test_every_row_is_seen_somewhere_while_it_is_living(rows, people):
    pages = shown(rows, people)
    assert not [label for label in ENTITIES if not those_with(label, pages)]
    assert len(pages) > 80


# Looking at every page takes seconds; what went along is looked for in all of them, too.
AT_ONCE = {"tenants.User", "tenants.Project", "knowledge.Document", "agents.Conversation"}


@pytest.mark.parametrize(
    "label",
    [pytest.param(label, marks=[] if label in AT_ONCE else pytest.mark.long) for label in ENTITIES],
)
def test_a_deleted_row_is_seen_nowhere(acme, rows, people, label):
    with acting_for(acme):
        delete(type(rows[label]).all_objects.get(pk=rows[label].pk))
    seen = those_with(label, shown(rows, people))
    assert not seen, f"{label} is seen at {seen}"


def test_what_went_along_is_seen_nowhere_either(acme, rows, people):
    with acting_for(acme):
        delete(Project.objects.get(pk=rows["tenants.Project"].pk))
        gone = [
            label
            for label, model in ENTITIES.items()
            if not model.objects.filter(pk=rows[label].pk).exists()
        ]
    assert len(gone) > 6
    pages = shown(rows, people)
    assert {label: those_with(label, pages) for label in gone} == {label: [] for label in gone}


def test_a_deleted_person_is_not_named_by_what_they_made(acme, rows, people):
    person, agent = rows["tenants.User"], rows["agents.AgentConfig"]
    owner = api_as(people["acme-owner"])
    fields = {
        f"/api/v1/projects/{rows['tenants.Project'].pk}/": "manager",
        f"/api/v1/agents/{agent.pk}/versions/{rows['agents.AgentVersion'].pk}/": "published_by",
    }
    for address, field in fields.items():
        assert owner.get(address).json()[field] == str(person.pk)
    with acting_for(acme):
        delete(person)
    for address, field in fields.items():
        assert owner.get(address).json()[field] is None
