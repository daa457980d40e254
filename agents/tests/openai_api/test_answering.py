"""How answers end, with events in the place of a runtime."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from agents.openai_api import answering
from agents.providers.protocol import Finished, FinishReason, TextDelta

QUESTION: Any = SimpleNamespace(organization_id=uuid4())
ASKER: Any = None  # who is not asked for within a moment


@pytest.fixture
def says(monkeypatch):
    """A function that answers all questions with events, and a pause for each number."""

    def script(*events):
        async def answer(question):
            for event in events:
                if isinstance(event, float):
                    await asyncio.sleep(event)
                else:
                    yield event

        monkeypatch.setattr(answering.stateless, "answer", answer)

    return script


def whole():
    """The status and the body of an answer in one piece."""

    async def read():
        completion = answering.new_completion("leave", 1)
        return [part async for part in answering.whole(QUESTION, completion, ASKER)]

    opening, body = asyncio.run(read())
    return opening.status, json.loads(body)


def test_an_answer_in_one_piece_is_given_up_after_a_while(says, monkeypatch):
    monkeypatch.setattr(answering, "LONGEST_TURN_SECONDS", 0.05)
    says(TextDelta("Thirty"), 5.0, Finished(FinishReason.STOP))
    status, body = whole()
    assert (status, body["error"]["code"]) == (504, "timeout")


@pytest.mark.parametrize("text", ["", " \n"])
def test_calls_of_tools_alone_are_no_answer(says, text):
    says(TextDelta(text), Finished(FinishReason.TOOL_CALLS))
    status, body = whole()
    assert (status, body["error"]["code"]) == (502, "tool_calls")


def test_what_was_said_before_calls_that_were_too_many_is_an_answer(says):
    says(TextDelta("Thirty."), Finished(FinishReason.TOOL_CALLS))
    status, body = whole()
    assert (status, body["choices"][0]["message"]["content"]) == (200, "Thirty.")
