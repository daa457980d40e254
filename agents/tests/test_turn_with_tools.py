"""A turn in which a language model calls tools, over real HTTP: what it does and what it may."""

import asyncio
import json

import pytest
from django.db import connection

from agents.models import AgentConfig
from agents.providers.fake.script import Answer
from agents.providers.fake.testing import fake_server
from agents.runtime import loop
from agents.runtime.blocks import in_database_thread
from agents.services import post_message, publish_agent
from agents.streams import reply_json
from agents.testing import answer, ask, kept_events, make_conversation, read_to_end, streamed
from agents.tools import TOOLS
from knowledge.testing import read_document
from tenants.context import acting_for
from tenants.services import create_project, remove_member

pytestmark = pytest.mark.django_db(transaction=True)

MODELS = {"openai": "gpt-4.1", "anthropic": "claude-sonnet-4", "gemini": "gemini-2.5-pro"}
QUESTION = "How many days of leave are there?"
LEAVE = "# Leave\n\nEverybody has thirty days of leave a year.\n"
TRAVEL = "# Travel\n\nTrips are booked by the travel desk. Trains come before flights.\n"
SECRET = "The merger with Initech is planned for the leave season."


@pytest.fixture
def member(people):
    return people["acme-member"]


@pytest.fixture(autouse=True)
def _impatient(settings):
    settings.MODEL_FIRST_TOKEN_SECONDS = 5.0
    settings.MODEL_SILENCE_SECONDS = 2.0
    settings.MODEL_RETRIES = 0


@pytest.fixture
def serve(settings):
    """A server of a protocol with these answers, to which the platform's models lead."""

    def served(*answers, protocol="openai"):
        server = fake_server(protocol, *answers)

        class Serving:
            def __enter__(self):
                started = server.__enter__()
                setattr(settings, f"{protocol.upper()}_API_KEY", "sk-4711")
                setattr(settings, f"{protocol.upper()}_BASE_URL", started.url)
                return started

            def __exit__(self, *how):
                return server.__exit__(*how)

        return Serving()

    return served


def calling(*calls, text=""):
    """An answer that calls tools: (name, arguments)."""
    return Answer(
        text=text,
        tool_calls=[
            {"id": f"call-{number}", "name": name, "arguments": arguments}
            for number, (name, arguments) in enumerate(calls, start=1)
        ],
    )


def asked(user, question=QUESTION, *, protocol="openai", tools=tuple(TOOLS), **fields):
    return ask(user, question, model_name=MODELS[protocol], tools=list(tools), **fields)


def data_of(reply, kind):
    return [data for _, found, data in kept_events(reply) if found == kind]


def told(server):
    """All that the model was ever told, as text."""
    return json.dumps([received.body for received in server.received], ensure_ascii=False)


@pytest.mark.parametrize("protocol", MODELS)
def test_an_agent_searches_reads_and_answers_with_citations(member, serve, protocol):
    read_document(LEAVE, by=member, filename="leave.md")
    travel = read_document(TRAVEL, by=member, filename="travel.md")
    answers = [
        calling(("search_knowledge", {"query": "thirty days of leave", "count": 1})),
        calling(("read_document", {"document": str(travel.pk)}), text="I read on."),
        Answer(text="There are thirty days of leave [1]. Trains come first [2][9].", piece=3),
    ]
    with serve(*answers, protocol=protocol) as server:
        reply = answer(asked(member, protocol=protocol))
        assert len(server.received) == 3
    assert (reply.status, reply.finish_reason, reply.tokens_used) == ("completed", "stop", 102)
    assert reply.content == (
        "I read on.\n\nThere are thirty days of leave [1]. Trains come first [2]."
    )
    assert [(c["number"], c["filename"], c["quote"]) for c in reply.citations] == [
        (1, "leave.md", "Everybody has thirty days of leave a year."),
        (2, "travel.md", "Trains come before flights."),
    ]
    kinds = [kind for _, kind, _ in kept_events(reply)]
    without_text = [kind for kind in kinds if kind != "text.delta"]
    assert without_text == [
        "message.started",
        *["tool.call", "tool.result"] * 2,
        *["citation"] * 2,
        *["usage"] * 3,
        "message.completed",
    ]
    results = data_of(reply, "tool.result")
    assert [(r["name"], r["is_error"]) for r in results] == [
        ("search_knowledge", False),
        ("read_document", False),
    ]
    assert "thirty days" in results[0]["content"]
    assert results[1]["documents"] == [str(travel.pk)]
    assert streamed(reply) == kept_events(reply)
    whole = b"".join(asyncio.run(_read(reply_json(reply.organization_id, reply.pk))))
    assert json.loads(whole) == kept_events(reply)[-1][2]


async def _read(parts):
    return await read_to_end(parts)


def test_what_the_asker_may_not_see_reaches_no_model_by_any_tool(people, member, serve):
    """The agent's author may read it, and is shown it by the same calls."""
    owner = people["acme-owner"]
    read_document(LEAVE, by=owner, filename="leave.md")
    with acting_for(owner.organization_id) as organization_id:
        board = create_project(organization_id=organization_id, name="Board")
    secret = read_document(SECRET, by=owner, filename="merger.md", project=board)
    restricted = read_document(SECRET, by=owner, filename="merger-2.md")
    foreign = read_document(SECRET, by=people["globex-owner"], filename="merger-3.md")
    with acting_for(owner.organization_id):
        type(restricted).objects.filter(pk=restricted.pk).update(is_restricted=True)
    calls = [
        ("search_knowledge", {"query": "merger with Initech"}),
        *[("read_document", {"document": str(d.pk)}) for d in (secret, restricted, foreign)],
        ("list_documents", {}),
        ("list_documents", {"name_contains": "merger"}),
    ]
    with serve(calling(*calls), Answer(text="Nothing.")) as server:
        reply = answer(asked(member, "What about the merger?"))
        assert "Initech" not in told(server).replace("merger with Initech", "")
        assert "merger.md" not in told(server)
        assert "merger-2.md" not in told(server)
        assert "merger-3.md" not in told(server)
        assert "leave.md" in told(server)
    assert [r["is_error"] for r in data_of(reply, "tool.result")] == [
        *[False, True, True, True],
        *[False, False],
    ]
    with serve(calling(*calls[:1], calls[2], calls[4]), Answer(text="It is.")) as server:
        answer(asked(owner, "What about the merger?"))
        assert "planned for the leave season" in told(server)
        assert "merger-2.md" in told(server)


def test_rights_that_are_lost_in_the_middle_hold_at_once(people, member, serve, monkeypatch):
    """The member leaves the project between the model's call and the tool's."""
    real = loop.ask_model

    async def leaves_meanwhile(asking, request):
        async for event in real(asking, request):
            yield event
        await in_database_thread(leave)

    def leave():
        with acting_for(member.organization_id):
            remove_member(project=reply.conversation.project, user=member)

    monkeypatch.setattr(loop, "ask_model", leaves_meanwhile)
    call = ("search_knowledge", {"query": "merger with Initech"})
    with serve(calling(call), Answer(text="Never.")) as server:
        reply = asked(member, "What about the merger?")
        with acting_for(member.organization_id):
            project = reply.conversation.project
        read_document(SECRET, by=people["acme-owner"], filename="merger.md", project=project)
        reply = answer(reply)
        assert "planned for the leave season" in json.dumps(server.received[0].body)
    (result,) = data_of(reply, "tool.result")
    assert result["content"] == "No passages were found."


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (("launch_rockets", {"count": 3}), "There is no such tool"),
        (("list_documents", {}), "There is no such tool"),  # not among this agent's
        (("search_knowledge", '{"query": "lea'), "no JSON object"),
        (("search_knowledge", {}), "'query' is a required property"),
        (("search_knowledge", {"query": 1}), "1 is not of type 'string'"),
        (("search_knowledge", {"query": "x", "user": "owner"}), "Additional properties"),
        (("search_knowledge", {"query": "x" * 9_000}), "too long"),
        (("read_document", {"document": "leave.md"}), "is the id of a document"),
        (("calculate", {"expression": "__import__('os')"}), "not understood"),
        (("calculate", {"expression": "9**9**9**9"}), "too large"),
        (("current_time", {"timezone": "../../etc/passwd"}), "no time zone"),
    ],
)
def test_a_call_that_cannot_be_is_an_error_for_the_model(member, serve, call, complaint):
    tools = ["search_knowledge", "read_document", "calculate", "current_time"]
    with serve(calling(call), Answer(text="Never mind.")) as server:
        reply = answer(asked(member, tools=tools))
        assert complaint in json.dumps(server.received[1].body["messages"][-1])
    assert (reply.status, reply.content) == ("completed", "Never mind.")
    (result,) = data_of(reply, "tool.result")
    assert result["is_error"]
    assert complaint in result["content"]


def test_what_tools_answer_that_need_no_documents(member, serve):
    calls = [("calculate", {"expression": "0.1 + 0.2"}), ("current_time", {})]
    with serve(calling(*calls), Answer(text="Done.")):
        reply = answer(asked(member))
    results = data_of(reply, "tool.result")
    assert results[0]["content"] == "0.3"
    assert "UTC" in results[1]["content"]
    assert [c["id"] for c in data_of(reply, "tool.call")] == ["call-1", "call-2"]


def test_a_model_that_calls_for_ever_ends(member, serve):
    with serve(calling(("calculate", {"expression": "1+1"}), text="Again.")) as server:
        reply = answer(asked(member))
        assert len(server.received) == loop.MOST_ROUNDS + 1
        assert server.received[-1].body["tool_choice"] == "none"
    assert (reply.status, reply.finish_reason) == ("completed", "tool_calls")
    ids = [data["id"] for data in data_of(reply, "tool.call")]
    assert len(set(ids)) == len(ids) == loop.MOST_ROUNDS


def test_more_calls_than_a_turn_has_are_refused(member, serve):
    calls = [("calculate", {"expression": str(number)}) for number in range(40)]
    with serve(calling(*calls), Answer(text="Enough.")):
        reply = answer(asked(member))
    results = data_of(reply, "tool.result")
    assert (reply.status, len(results)) == ("completed", 40)
    assert [r["is_error"] for r in results] == [False] * loop.MOST_CALLS + [True] * (
        40 - loop.MOST_CALLS
    )


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("many_tool_calls", "provider_too_much"),
        ("unknown_tool", "stop"),
        ("malformed_arguments", "stop"),
    ],
)
def test_faults_of_tool_calls_end_in_a_final_state(member, serve, fault, reason):
    with serve(Answer(fault=fault), Answer(text="So be it.")):
        reply = answer(asked(member))
    assert reply.finish_reason == reason
    assert reply.status == ("completed" if reason == "stop" else "failed")


def test_a_model_that_fails_after_a_tool_keeps_what_was_said_and_used(member, serve):
    with serve(calling(("current_time", {}), text="See https://"), Answer(fault="500")):
        reply = answer(asked(member))
    assert (reply.status, reply.finish_reason) == ("failed", "provider_overloaded")
    assert (reply.content, reply.tokens_used) == ("See ", 34)


def test_no_transaction_is_open_while_a_model_is_waited_for(member, serve, monkeypatch):
    seen = []
    real = loop.ask_model

    def others():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND state IS NOT NULL AND query NOT LIKE 'LISTEN%'"
            )
            return cursor.fetchone()[0]

    async def looks(asking, request):
        async for event in real(asking, request):
            # What writes the last events down ends by itself; what the turn held would not.
            async with asyncio.timeout(10):
                while await in_database_thread(others):
                    await asyncio.sleep(0)
            seen.append(event)
            yield event

    monkeypatch.setattr(loop, "ask_model", looks)
    read_document(LEAVE, by=member)
    call = ("search_knowledge", {"query": "leave"})
    with serve(calling(call), Answer(text="Thirty days [1].")):
        reply = asked(member)
        connection.close()
        assert answer(reply).status == "completed"
    assert len(seen) > 4


def test_an_agent_without_tools_is_offered_none(member, serve):
    with serve(Answer(text="Thirty.")) as server:
        answer(asked(member, tools=[]))
        assert "tools" not in server.received[0].body


def test_earlier_turns_come_along_with_their_tools(member, serve, settings):
    leave = read_document(LEAVE, by=member, filename="leave.md")
    call = ("search_knowledge", {"query": "leave"})
    answers = [calling(call), Answer(text="Thirty days [1]."), Answer(text="No.")]
    with serve(*answers) as server:
        with acting_for(member.organization_id):
            fields = {"model_name": MODELS["openai"], "tools": list(TOOLS)}
            conversation = make_conversation(member, **fields)
        contents = [QUESTION, "And in March?", "And in May?", "And in June?"]
        for number, content in enumerate(contents):
            if number == 2:
                with acting_for(member.organization_id):
                    type(leave).objects.filter(pk=leave.pk).update(is_searchable=False)
            if number == 3:
                settings.MODEL_CONTEXT_TOKENS = 100
                with acting_for(member.organization_id):
                    AgentConfig.objects.update(max_tokens=1)
                    publish_agent(agent=conversation.agent, by=member)
            with acting_for(member.organization_id):
                reply = post_message(conversation=conversation, content=content, by=member)
            assert answer(reply).status == "completed"
        bodies = [received.body["messages"] for received in server.received[2:]]
    roles = [message["role"] for message in bodies[0]]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]
    assert bodies[0][1]["content"] == QUESTION
    assert "thirty days of leave" in bodies[0][3]["content"]
    assert "<passage document=" in bodies[0][3]["content"]  # without the number of that turn
    assert bodies[0][4]["content"] == "Thirty days."
    # What may not be read any more is not told again, not even from an earlier turn.
    assert "thirty days of leave" not in json.dumps(bodies[1])
    assert "may not read this any more" in bodies[1][3]["content"]
    # In the smallest window is the question, whatever else has no room.
    assert [message["role"] for message in bodies[2]] == ["system", "user"]
    assert bodies[2][1]["content"].endswith("And in June?")
