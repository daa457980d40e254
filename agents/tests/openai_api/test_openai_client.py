"""OpenAI's own client as a client of Chancery, over HTTP."""

import asyncio
from threading import Event

import openai
import pytest
from django.db import connection
from django.test import Client

from agents.baker_recipes import agent_recipe
from agents.models import Conversation, Message
from agents.openai_api import slots
from agents.providers.fake.script import Answer
from agents.providers.fake.testing import fake_server
from agents.testing import make_agent, make_project
from tenants.api.testing import api_as
from tenants.context import acting_for
from tenants.deletion import delete
from tenants.models import User

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = [{"role": "user", "content": "How many days of vacation are there?"}]
SAID = Answer(text="Thirty days of leave, it says.", usage={"input": 30, "cached": 10, "output": 4})


@pytest.fixture
def member(people):
    return people["acme-member"]


@pytest.fixture
def agent(acme, people):
    with acting_for(acme):
        return make_agent(by=people["acme-manager"], slug="leave", name="Leave", description="Days")


@pytest.fixture
def model(acme, people, settings):
    """A function that publishes an agent of a language model that answers as told."""
    settings.MODEL_RETRIES = 0
    settings.MODEL_FIRST_TOKEN_SECONDS = 2.0

    def make(server, **fields):
        settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "sk-of-the-test", server.url
        with acting_for(acme):
            return make_agent(
                by=people["acme-manager"], slug="writer", model_name="gpt-4.1", **fields
            )

    return make


def streamed(client, **options):
    with client.chat.completions.create(messages=QUESTION, stream=True, **options) as chunks:
        return list(chunks)


def cited(completion):
    return completion.choices[0].message.citations


def text_of(chunks):
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def nothing_is_stored(organization):
    with acting_for(organization):
        return not (Message.objects.exists() or Conversation.objects.exists())


def test_the_models_are_the_agents_that_the_caller_can_use(acme, globex, people, client_of, agent):
    with acting_for(acme):
        agent_recipe.make(slug="draft")
        make_agent(by=people["acme-manager"], slug="off", is_active=False)
        elsewhere = make_project(people["acme-owner"], "Elsewhere")
        make_agent(by=people["acme-manager"], slug="elsewhere", project=elsewhere)
    with acting_for(globex):
        make_agent(by=people["globex-owner"], slug="theirs")
    client = client_of(people["acme-member"])
    (found,) = client.models.list().data
    assert (found.id, found.object, found.owned_by) == ("leave", "model", "acme")
    assert found.created == int(agent.created_at.timestamp())
    assert client.models.retrieve("leave") == found
    assert client.models.retrieve(str(agent.pk)).id == "leave"
    assert client_of(people["globex-member"]).models.list().data[0].id == "theirs"
    for name in ("theirs", "draft", "off", "elsewhere", "nothing", str(elsewhere.pk)):
        with pytest.raises(openai.NotFoundError) as refusal:
            client.models.retrieve(name)
        assert (refusal.value.code, refusal.value.param) == ("model_not_found", "model")
        with pytest.raises(openai.NotFoundError) as again:
            client.chat.completions.create(model=name, messages=[])
        assert again.value.body == refusal.value.body


def test_an_agent_answers_with_quotes_and_nothing_is_stored(acme, member, client_of, agent, leave):
    answer = client_of(member).chat.completions.create(model="leave", messages=QUESTION)
    (choice,) = answer.choices
    assert "25 days of vacation" in choice.message.content
    assert (choice.finish_reason, choice.message.role, answer.model) == (
        "stop",
        "assistant",
        "leave",
    )
    assert (answer.object, answer.system_fingerprint) == ("chat.completion", "v1")
    assert answer.usage.total_tokens == 0  # no language model was called
    (citation,) = choice.message.citations
    assert (citation["filename"], citation["number"]) == ("leave.md", 1)
    assert citation["quote"] == "Everybody has 25 days of vacation a year."
    named = choice.message.annotations[0].url_citation
    assert choice.message.content[named.start_index : named.end_index] == "[1]"
    assert str(leave.pk) in named.url
    assert nothing_is_stored(acme)


def test_a_stream_gives_the_same_text_in_pieces(member, client_of, agent, leave):
    client = client_of(member)
    whole = client.chat.completions.create(model="leave", messages=QUESTION)
    chunks = streamed(client, model="leave")
    assert text_of(chunks) == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices[0].delta.citations == whole.choices[0].message.citations
    assert {(c.id, c.object, c.model) for c in chunks} == {
        (chunks[0].id, "chat.completion.chunk", "leave")
    }
    assert all(c.usage is None for c in chunks)


def test_a_language_model_is_asked_with_what_was_said_and_its_usage_is_told(
    member, client_of, model, leave
):
    said = [
        {"role": "system", "content": "Answer in rhyme."},
        {"role": "assistant", "content": "Welcome!"},
        {"role": "user", "content": "I am new."},
        {"role": "assistant", "content": "Good."},
        {"role": "user", "content": [{"type": "text", "text": "How many days of vacation?"}]},
    ]
    with fake_server("openai", SAID) as server:
        model(server, temperature=0.5, max_tokens=100)
        client = client_of(member)
        answer = client.chat.completions.create(
            model="writer", messages=said, temperature=2, max_tokens=50, user="somebody", seed=7
        )
        chunks = streamed(client, model="writer", stream_options={"include_usage": True})
        first, second = (received.body for received in server.received)
    assert answer.choices[0].message.content == text_of(chunks) == SAID.text
    for usage in (answer.usage, chunks[-1].usage):
        assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (30, 4, 34)
        assert usage.prompt_tokens_details.cached_tokens == 10
    assert chunks[-1].choices == []
    assert first["temperature"] == 0.5
    assert 50 in (first.get("max_tokens"), first.get("max_completion_tokens"))
    assert 100 in (second.get("max_tokens"), second.get("max_completion_tokens"))
    told = [message["content"] for message in first["messages"]]
    assert told[0].startswith("Answer from the documents.")
    assert "Answer in rhyme." in told[0]
    assert told[1:3] == ["I am new.", "Good."]
    assert "25 days of vacation" in told[3]
    assert told[3].endswith("How many days of vacation?")


@pytest.mark.parametrize(
    ("finish", "reason"), [("length", "length"), ("content_filter", "content_filter")]
)
def test_why_an_answer_ends_is_told(member, client_of, model, finish, reason):
    with fake_server("openai", Answer(text="Half an", finish=finish)) as server:
        model(server)
        answer = client_of(member).chat.completions.create(model="writer", messages=QUESTION)
        assert answer.choices[0].finish_reason == reason


def test_several_at_once_by_the_asynchronous_client(member, client_of, agent, leave):
    asynchronous = client_of(member, kind=openai.AsyncOpenAI)

    async def ask():
        async with asynchronous as client:
            names = [found.id async for found in client.models.list()]

            async def stream():
                chunks = await client.chat.completions.create(
                    model="leave", messages=QUESTION, stream=True
                )
                return text_of([chunk async for chunk in chunks])

            return names, await asyncio.gather(*(stream() for _ in range(5)))

    names, texts = asyncio.run(ask())
    assert names == ["leave"]
    assert len(set(texts)) == 1
    assert "25 days of vacation" in texts[0]


# Refusals


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_who_may_not_ask_is_told_by_the_exception_for_it(acme, people, client_of, agent, leave):
    with pytest.raises(openai.AuthenticationError) as refusal:
        client_of("no-token").models.list()
    assert refusal.value.code == "invalid_api_key"
    assert refusal.value.type == "authentication_error"
    with pytest.raises(openai.PermissionDeniedError):
        client_of(people["acme-viewer"]).models.list()
    with pytest.raises(openai.PermissionDeniedError):
        client_of(people["staff"]).models.list()
    scoped = client_of(people["acme-member"], scopes=["knowledge.view_document"])
    with pytest.raises(openai.PermissionDeniedError) as refusal:
        scoped.chat.completions.create(model="leave", messages=QUESTION)
    assert refusal.value.type == "permission_error"
    narrow = client_of(
        people["acme-member"], scopes=["agents.use_agentconfig", "agents.view_agentconfig"]
    )
    said = narrow.chat.completions.create(model=str(agent.pk), messages=QUESTION)
    assert cited(said) == []
    client = client_of(people["acme-member"])
    assert cited(client.chat.completions.create(model=str(agent.pk), messages=QUESTION))
    with acting_for(acme):
        User.objects.filter(username="acme-member").update(is_active=False)
    with pytest.raises(openai.AuthenticationError):
        client.models.list()


@pytest.mark.parametrize(
    ("param", "options"),
    [
        ("messages", {"messages": []}),
        ("messages", {"messages": [{"role": "assistant", "content": "Hello"}]}),
        ("messages[0].role", {"messages": [{"role": "robot", "content": "Hello"}]}),
        ("messages[0].content", {"messages": [{"role": "user", "content": 7}]}),
        ("messages[0].content", {"messages": [{"role": "user", "content": "a\x00"}]}),
        (
            "messages[0].content",
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        ),
        ("messages", {"messages": [{"role": "user", "content": "x" * 100_001}]}),
        ("tools", {"tools": [{"type": "function", "function": {"name": "f"}}]}),
        ("n", {"n": 2}),
        ("response_format", {"response_format": {"type": "json_object"}}),
        ("temperature", {"temperature": 3}),
        ("max_tokens", {"max_tokens": 0}),
        ("max_completion_tokens", {"max_completion_tokens": -1}),
        ("stream", {"extra_body": {"stream": "yes"}}),
    ],
)
def test_what_cannot_be_had_is_refused_by_its_field(member, client_of, agent, param, options):
    asked = {"model": "leave", "messages": QUESTION} | options
    with pytest.raises(openai.BadRequestError) as refusal:
        client_of(member).chat.completions.create(**asked)
    assert refusal.value.param == param
    assert refusal.value.type == "invalid_request_error"


def test_what_is_unknown_is_passed_over(member, client_of, agent, leave):
    extra = {"nobody_knows": {"a": [1]}, "tools": [], "tool_choice": "none", "n": 1}
    form = {"type": "text"}
    answer = client_of(member).chat.completions.create(
        model="leave", messages=QUESTION, response_format=form, stop=["x"], extra_body=extra
    )
    assert "25 days" in answer.choices[0].message.content


def test_a_model_without_a_key_is_unavailable(acme, member, people, client_of, settings):
    settings.GEMINI_API_KEY = ""
    with acting_for(acme):
        make_agent(by=people["acme-manager"], slug="far", model_name="gemini-2.5-pro")
    with pytest.raises(openai.InternalServerError) as refusal:
        client_of(member).chat.completions.create(model="far", messages=QUESTION)
    assert (refusal.value.status_code, refusal.value.code) == (503, "model_unavailable")
    assert "GEMINI_API_KEY" in refusal.value.message


@pytest.mark.parametrize("stream", [False, True])
def test_what_fails_before_the_answer_is_an_error_of_http(member, client_of, model, stream):
    with fake_server("openai", Answer(fault="429"), Answer(fault="500")) as server:
        model(server)
        client = client_of(member)

        def ask():
            client.chat.completions.create(model="writer", messages=QUESTION, stream=stream)

        with pytest.raises(openai.RateLimitError) as refusal:
            ask()
        assert refusal.value.code == "provider_rate_limited"
        with pytest.raises(openai.InternalServerError) as refusal:
            ask()
        assert (refusal.value.status_code, refusal.value.code) == (502, "provider_overloaded")


def test_what_fails_in_the_middle_is_an_error_of_the_stream(member, client_of, model):
    with fake_server("openai", Answer(text="Thirty days.", fault="cut")) as server:
        model(server)
        with pytest.raises(openai.APIError, match="broke off"):
            streamed(client_of(member), model="writer")


def test_a_full_process_says_so_and_an_organization_has_half_of_it(
    member, client_of, agent, settings
):
    settings.COMPLETIONS_AT_ONCE = 0
    with pytest.raises(openai.InternalServerError) as refusal:
        client_of(member).chat.completions.create(model="leave", messages=QUESTION)
    assert (refusal.value.status_code, refusal.value.code) == (503, "busy")
    assert refusal.value.response.headers["Retry-After"] == "2"
    settings.COMPLETIONS_AT_ONCE = 2
    assert client_of(member).chat.completions.create(model="leave", messages=QUESTION)


def test_a_document_that_the_asker_may_not_see_never_reaches_the_model(
    acme, people, client_of, model, leave
):
    with acting_for(acme):
        type(leave).objects.filter(pk=leave.pk).update(is_restricted=True)
    with fake_server("openai", SAID) as server:
        model(server)
        for name in ("acme-member", "acme-manager"):
            client = client_of(people[name])
            client.chat.completions.create(model="writer", messages=QUESTION)
        hidden, shown = (str(received.body) for received in server.received)
    assert "25 days" not in hidden
    assert "25 days" in shown


def test_a_deleted_agent_is_gone(acme, member, client_of, agent):
    client = client_of(member)
    assert client.models.retrieve("leave")
    with acting_for(acme):
        delete(agent)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="leave", messages=QUESTION)


def test_no_connection_is_left_behind(member, client_of, agent, leave):
    client = client_of(member)

    def connections():
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = current_user")
            return cursor.fetchone()[0]

    streamed(client, model="leave")
    before = connections()
    for _ in range(3):
        streamed(client, model="leave")
    assert connections() <= before


# How it is served


def test_who_goes_away_leaves_no_place_taken(member, client_of, model):
    slow = Answer(text="And so on. " * 500, delay=0.02)
    with fake_server("openai", slow) as server:
        model(server)
        chunks = client_of(member).chat.completions.create(
            model="writer", messages=QUESTION, stream=True
        )
        assert next(iter(chunks)).choices
        assert slots._taken.total() == 1
        chunks.close()
        for _ in range(500):
            if not slots._taken:
                break
            Event().wait(0.02)
    assert not slots._taken


def test_a_server_of_threads_answers_alike(member, agent, leave, settings):
    client = api_as(member)
    body = {"model": "leave", "messages": QUESTION}
    whole = client.post("/v1/chat/completions", body)
    assert (whole.status_code, whole["Content-Type"]) == (200, "application/json")
    text = whole.json()["choices"][0]["message"]["content"]
    assert "25 days of vacation" in text
    stream = client.post("/v1/chat/completions", body | {"stream": True})
    assert stream["Content-Type"] == "text/event-stream"
    assert stream.content.endswith(b"data: [DONE]\n\n")
    settings.COMPLETIONS_AT_ONCE = 0
    assert client.post("/v1/chat/completions", body).status_code == 503


def test_a_session_is_nobody_here_and_a_token_is_somebody(people, agent):
    browser = Client()
    browser.force_login(people["acme-member"], backend="tenants.backends.LoginBackend")
    assert browser.get("/api/v1/me/").status_code == 200
    for answer in (browser.get("/v1/models"), browser.post("/v1/chat/completions")):
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "invalid_api_key"
    assert api_as(people["acme-member"]).get("/v1/models").status_code == 200
