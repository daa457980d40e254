"""An answer ends with the token that asked for it, or with the right to use the agent."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import openai
import pytest

from agents.models import AgentConfig
from agents.openai_api import answering, slots
from agents.providers.fake.script import Answer
from agents.providers.fake.testing import fake_server
from agents.testing import make_agent
from tenants import sign_in
from tenants.context import acting_for
from tenants.deletion import delete

pytestmark = pytest.mark.django_db(transaction=True)

ASKED = {"model": "writer", "messages": [{"role": "user", "content": "How many days?"}]}
SLOW = Answer(text="And so on. " * 100, delay=0.05)  # more than ten seconds


@pytest.fixture(autouse=True)
def _asked_for_often(monkeypatch):
    for module in (sign_in, answering):
        monkeypatch.setattr(module, "ASK_EVERY_SECONDS", 0.1)


@pytest.fixture
def server(acme, people, settings):
    settings.MODEL_RETRIES = 0
    with fake_server("openai", SLOW) as found:
        settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "sk-of-the-test", found.url
        with acting_for(acme):
            make_agent(by=people["acme-manager"], slug="writer", model_name="gpt-4.1")
        yield found


@pytest.fixture
def completions(server, people, client_of):
    return client_of(people["acme-member"]).chat.completions


def revoke(member):
    with acting_for(member.organization_id):
        delete(member.access_tokens.get())


def switch_the_agent_off(member):
    with acting_for(member.organization_id):
        AgentConfig.objects.filter(slug="writer").update(is_active=False)


@pytest.mark.parametrize("end", [revoke, switch_the_agent_off])
def test_a_stream_ends_in_the_middle(people, completions, end):
    with completions.create(**ASKED, stream=True) as chunks:
        assert next(iter(chunks)).choices
        end(people["acme-member"])
        with pytest.raises(openai.APIError, match="may no longer ask") as refusal:
            list(chunks)
    assert refusal.value.code == "permission_denied"
    assert not slots._taken


def test_an_answer_in_one_piece_is_refused(people, server, completions):
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(completions.create, **ASKED)
        while not server.received:
            Event().wait(0.02)
        revoke(people["acme-member"])
        with pytest.raises(openai.PermissionDeniedError, match="may no longer ask"):
            asked.result()
    assert not slots._taken
