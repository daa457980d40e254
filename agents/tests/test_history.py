"""Which earlier turns a model is told: whole ones, the newest first, as far as there is room."""

import re
from types import SimpleNamespace

import pytest

from agents.baker_recipes import conversation_recipe, message_recipe
from agents.providers.protocol import AssistantMessage, ToolCall, ToolResult, UserMessage
from agents.runtime.history import PastTurn, _messages, _Round, fitting, turns_before
from agents.runtime.loop import Answering
from agents.runtime.passages import Passages
from agents.runtime.tokens import tokens_of, tokens_of_messages
from agents.testing import make_project
from agents.tools.asker import Reader
from tenants.context import acting_for

ASKED = SimpleNamespace(question="How long?")


def turn(number, size=100):
    call = ToolCall(f"past-{number}", "search_knowledge", {"query": "x"})
    return PastTurn(
        UserMessage(f"Question {number}?"),
        [AssistantMessage("", [call]), ToolResult(call, "word " * size)],
        AssistantMessage(f"Answer {number}."),
    )


@pytest.mark.parametrize("tokens", range(0, 1_200, 25))
def test_no_tool_exchange_is_cut_in_half(tokens):
    kept = fitting([turn(1), turn(2), turn(3)], tokens, with_exchanges=True)
    assert tokens_of_messages(kept) <= tokens
    calls = [m.tool_calls[0] for m in kept if isinstance(m, AssistantMessage) and m.tool_calls]
    assert calls == [m.call for m in kept if isinstance(m, ToolResult)]
    asked = [m.text for m in kept if isinstance(m, UserMessage)]
    assert asked == [f"Question {n}?" for n in (1, 2, 3)][3 - len(asked) :]
    assert all(isinstance(kept[0], UserMessage) for _ in kept[:1])


def test_a_turn_that_is_too_long_is_told_in_short():
    kept = fitting([turn(1, size=2_000)], 100, with_exchanges=True)
    assert [type(m) for m in kept] == [UserMessage, AssistantMessage]
    assert fitting([turn(1)], 1_000, with_exchanges=False) == turn(1).in_short()


def test_tokens_are_estimated_high():
    assert tokens_of("Everybody has thirty days of leave a year.") == 15  # other counters say 9
    assert tokens_of("日本語") == 5
    assert tokens_of("12.50 | 13.75") >= 6


@pytest.mark.parametrize("name", ["search knowledge", "functions.search:0", "é" * 200, ""])
def test_a_name_that_a_model_made_up_can_be_sent_back(name):
    kept = _Round([{"id": "a", "name": name, "arguments": {}}])
    kept.results["a"] = {"content": "There is no such tool.", "is_error": True}
    said, _ = _messages([kept], 0)
    turn = Answering(SimpleNamespace(asker=SimpleNamespace(passages=Passages()), request=ASKED))
    first, second = (turn._with_an_id(ToolCall(name, name, {})) for _ in range(2))
    for text in (said.tool_calls[0].name, first.name, first.id, second.id):
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text)
    assert first.id != second.id


@pytest.mark.django_db
def test_what_was_said_on_another_branch_is_not_told(people):
    member = people["acme-member"]

    with acting_for(member.organization_id):
        project = make_project(member)
        conversation = conversation_recipe.make(user=member, project=project)

        def exchange(content, after=None):
            asked = message_recipe.make(conversation=conversation, content=content, reply_to=after)
            return message_recipe.make(
                conversation=conversation,
                role="assistant",
                content=f"On {content}",
                reply_to=asked,
            )

        first = exchange("one")
        exchange("two", after=first)
        again = exchange("two again", after=first)
        exchange("never answered", after=again)
        asked = message_recipe.make(conversation=conversation, content="three", reply_to=again)
        blank = message_recipe.make(
            conversation=conversation, role="assistant", content=" [1][2]\n", reply_to=asked
        )
        question = message_recipe.make(conversation=conversation, content="?", reply_to=blank)
        turns = turns_before(question, Reader(member, project))
    assert [t.question.text for t in turns] == ["one", "two again"]
    assert [t.answer.text for t in turns] == ["On one", "On two again"]
