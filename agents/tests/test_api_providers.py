"""Model providers over the API and in the admin: a key goes in, and never comes out."""

import json

import pytest
from django.core import serializers

from agents.models import ModelProvider
from agents.providers.keys import KeyUnreadable
from tenants.admin.testing import errors_of, filled, page, signed_in
from tenants.api.testing import api_as, fields_at_fault, problem
from tenants.context import acting_for
from tenants.models import AuditEntry

PROVIDERS = "/api/v1/providers/"
KEY = "sk-secret-of-the-test-4711"
NEW = {
    "name": "Ours",
    "kind": "openai",
    "base_url": "https://models.example.com/v1",
    "api_key": KEY,
    "models": [{"name": "house-7", "context_window": 8000, "input_price": "0.15"}],
}
both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])


@pytest.fixture
def owner(people):
    return api_as(people["acme-owner"])


@pytest.fixture
def made(owner):
    answer = owner.post(PROVIDERS, NEW)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def stored(body):
    return ModelProvider.objects.get(pk=body["id"])


def test_a_provider_is_made_and_its_key_shown_by_its_end_alone(owner, made, acme):
    path = f"{PROVIDERS}{made['id']}/"
    for body in (made, owner.get(path).json(), owner.get(PROVIDERS).json()["results"][0]):
        assert (body["has_key"], body["key_end"]) == (True, "4711")
        assert "api_key" not in body
        assert KEY not in json.dumps(body)
    (model,) = made["models"]
    assert (model["name"], model["input_price"], model["currency"]) == (
        "house-7",
        "0.150000",
        "USD",
    )
    with acting_for(acme):
        assert stored(made).access().api_key == KEY


def test_only_owners_see_and_change_providers(owner, made, people):
    path = f"{PROVIDERS}{made['id']}/"
    for name in ("acme-manager", "acme-member", "acme-viewer"):
        client = api_as(people[name])
        problem(client.get(PROVIDERS), 403)
        problem(client.get(path), 403)
        problem(client.post(PROVIDERS, NEW), 403)
        problem(client.patch(path, {"name": "Mine"}), 403)
        problem(client.delete(path), 403)
    problem(api_as(people["globex-owner"]).get(path), 404)
    assert owner.patch(path, {"name": "Mine"}).json()["name"] == "Mine"
    assert owner.delete(path).status_code == 204


def test_a_key_stays_where_it_is_not_mentioned_and_goes_where_it_is_empty(owner, made, acme):
    path = f"{PROVIDERS}{made['id']}/"
    assert owner.patch(path, {"name": "Renamed"}).json()["has_key"]
    with acting_for(acme):
        assert stored(made).access().api_key == KEY
    assert not owner.patch(path, {"api_key": ""}).json()["has_key"]
    with acting_for(acme):
        assert stored(made).access().api_key == ""


@pytest.mark.parametrize("change", [{"base_url": "https://evil.example"}, {"kind": "anthropic"}])
def test_a_key_does_not_follow_its_provider_elsewhere(owner, made, acme, change):
    path = f"{PROVIDERS}{made['id']}/"
    assert fields_at_fault(owner.patch(path, change)) == {"api_key"}
    changed = owner.patch(path, change | {"api_key": f"{KEY}-0815"})
    assert (changed.status_code, changed.json()["key_end"]) == (200, "0815")
    with acting_for(acme):
        # Not even where somebody writes into the table.
        ModelProvider.objects.filter(pk=made["id"]).update(base_url="https://worse.example")
        with pytest.raises(KeyUnreadable):
            stored(made).access()


def test_the_end_of_a_short_key_is_not_shown(owner):
    body = owner.post(PROVIDERS, NEW | {"api_key": "short-key"}).json()
    assert (body["has_key"], body["key_end"]) == (True, "")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("api_key", "two words"),
        ("api_key", "line\nbreak"),
        ("api_key", "schlüssel"),
        ("base_url", "https://169.254.169.254/latest"),
        ("base_url", "http://models.example.com"),
        ("kind", "oracle"),
        ("models", [{"name": "a"}, {"name": "a"}]),
        ("models", [{"name": "../../files"}]),
        ("models", [{"name": "a", "input_price": "-1"}]),
        ("models", [{"name": "a", "output_price": "NaN"}]),
        ("models", [{"name": "a", "cached_price": "Infinity"}]),
        ("models", [{"name": "a", "context_window": 0}]),
        ("models", [{"name": "a", "currency": "euro"}]),
        ("models", "gpt-5"),
    ],
)
def test_what_makes_no_sense_is_refused(owner, field, value):
    found = fields_at_fault(owner.post(PROVIDERS, NEW | {field: value}))
    assert {name.partition(".")[0] for name in found} == {field}


def test_a_name_is_there_once(owner, made):
    assert fields_at_fault(owner.post(PROVIDERS, NEW)) == {"name"}
    assert owner.post(PROVIDERS, NEW | {"name": "Others"}).status_code == 201


def test_the_audit_trail_tells_that_a_key_changed_and_nothing_of_it(owner, made, acme):
    owner.patch(f"{PROVIDERS}{made['id']}/", {"api_key": "sk-another-of-the-test-4711"})
    with acting_for(acme):
        entries = list(AuditEntry.objects.filter(object_id=made["id"]).order_by("created_at"))
        shown = json.dumps([(entry.before, entry.after) for entry in entries])
        sealed = stored(made).sealed_key
    assert "sealed_key" in json.dumps(entries[-1].after)
    assert "4711" not in shown
    assert sealed not in shown


def test_a_dump_has_the_cipher_alone(made, acme):
    with acting_for(acme):
        provider = stored(made)
        dumped = serializers.serialize("json", [provider])
        assert provider.sealed_key in dumped
    assert KEY not in dumped


@both_logins
@pytest.mark.parametrize("username", ["acme-owner", "staff"])
def test_the_admin_takes_a_key_and_shows_none(acme, username):
    client = signed_in(username)
    given = NEW | {"models": json.dumps(NEW["models"]), "is_active": "on"}
    if username == "staff":
        given["organization"] = str(acme.pk)
    assert client.post(page(ModelProvider, "add"), given).status_code == 302
    with acting_for(acme):
        provider = ModelProvider.objects.get()
        assert provider.access().api_key == KEY
    address = page(ModelProvider, "change", provider.pk)
    shown = client.get(address).content.decode()
    assert "…4711" in shown
    assert KEY not in shown
    assert provider.sealed_key not in shown
    form = filled(client.get(address))
    refused = client.post(address, form | {"base_url": "https://evil.example", "api_key": ""})
    assert "api_key" in errors_of(refused)
    refused = client.post(address, form | {"name": "", "api_key": f"{KEY}-typed"})
    assert "typed" not in refused.content.decode()
    assert client.post(address, form | {"api_key": f"{KEY}-0815"}).status_code == 302
    with acting_for(acme):
        assert ModelProvider.objects.get().access().api_key == f"{KEY}-0815"


@both_logins
def test_the_admin_refuses_models_that_are_none(acme):
    client = signed_in("acme-owner")
    given = NEW | {"models": '[{"nam": "gpt-5"}]', "is_active": "on"}
    assert "models" in errors_of(client.post(page(ModelProvider, "add"), given))
