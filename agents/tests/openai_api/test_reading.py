"""What clients send, read without a server."""

import pytest

from agents.openai_api import reading
from agents.providers.protocol import AssistantMessage, UserMessage
from common.api.problems import Problem

QUESTION = [{"role": "user", "content": "How many days?"}]


def read(**body):
    return reading.chat_request({"messages": QUESTION} | body)


@pytest.mark.parametrize("field", ["temperature", "max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("value", [float("inf"), float("nan"), -(10**400), "1", True])
def test_what_is_no_finite_number_is_refused_by_its_field(field, value):
    with pytest.raises(Problem) as refusal:
        read(**{field: value})
    assert refusal.value.data["errors"][0]["field"] == field


def test_numbers_are_as_large_as_they_may_be():
    with pytest.raises(Problem):
        read(temperature=10**400)
    assert read(max_tokens=10**400, max_completion_tokens=7.0).max_tokens == 7


def test_messages_without_a_text_are_passed_over():
    said = [
        {"role": "system", "content": " "},
        {"role": "user", "content": "I am new."},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "Hello?"},
        {"role": "assistant", "content": "Good."},
        {"role": "user", "content": []},
        *QUESTION,
    ]
    found = read(messages=said)
    assert found.history == [UserMessage("I am new.\n\nHello?"), AssistantMessage("Good.")]
    assert (found.question, found.wishes) == ("How many days?", "")


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_the_last_message_must_say_something(role):
    earlier = [*QUESTION, {"role": "assistant", "content": "Thirty."}]
    with pytest.raises(Problem):
        read(messages=[*earlier, {"role": role, "content": " "}])
