"""Requests as no client of OpenAI's makes them."""

import json

import pytest

from agents.testing import make_agent
from tenants.api.testing import api_as
from tenants.context import acting_for

pytestmark = pytest.mark.django_db
COMPLETIONS = "/v1/chat/completions"


@pytest.fixture
def client(people):
    return api_as(people["acme-member"])


@pytest.mark.parametrize("accepted", ["text/event-stream", "image/png", "nonsense"])
def test_a_client_may_accept_what_it_likes(acme, people, client, accepted):
    with acting_for(acme):
        make_agent(by=people["acme-manager"], slug="leave")
    answer = client.get("/v1/models", headers={"Accept": accepted})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert client.post(COMPLETIONS, {}, headers={"Accept": accepted}).status_code == 400


@pytest.mark.parametrize("name", ["a\x00", "\ud800", "a b", "é", "../x", "{", "x\n"])
def test_a_name_that_no_agent_can_have_is_of_no_model(client, name):
    body = json.dumps({"model": name, "messages": []})
    answer = client.generic("POST", COMPLETIONS, body, content_type="application/json")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize("path", ["%00", "a%00b", "%ed%a0%80", "%ff"])
def test_nor_is_it_in_an_address(client, path):
    assert client.get(f"/v1/models/{path}").status_code == 404
