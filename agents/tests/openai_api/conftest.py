import openai
import pytest

from agents.tests.openai_api.serving import live_server
from knowledge.testing import read_document
from tenants.api.testing import token_of


@pytest.fixture(scope="module")
def address(django_db_setup):
    with live_server() as found:
        yield found


@pytest.fixture
def client_of(address):
    """OpenAI's client with a token of a person. It does not try again by itself."""
    opened = []

    def make(user, *, kind=openai.OpenAI, **token):
        key = user if isinstance(user, str) else token_of(user, **token)
        opened.append(kind(base_url=address, api_key=key, max_retries=0, timeout=20))
        return opened[-1]

    yield make
    for client in opened:
        if isinstance(client, openai.OpenAI):
            client.close()


@pytest.fixture
def leave(people):
    """Something that Acme's people can read."""
    text = "# Leave\n\nEverybody has 25 days of vacation a year.\n"
    return read_document(text, by=people["acme-manager"], filename="leave.md")
