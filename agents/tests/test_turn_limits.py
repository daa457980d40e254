"""What ends a turn and what bounds it, without a database."""

import asyncio
from contextlib import contextmanager
from fractions import Fraction
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.db import InterfaceError

from agents.accounting import calls
from agents.accounting.estimates import input_tokens_of
from agents.accounting.records import Outcome
from agents.providers.protocol import Finished, Malformed, Request, TextDelta, UserMessage
from agents.providers.reply import _arguments
from agents.runtime import stopping
from agents.runtime.events import TurnEnded
from agents.runtime.loop import Answering, Asking
from agents.runtime.passages import Passages
from agents.runtime.tokens import tokens_of, tokens_of_messages
from agents.tools.arithmetic import Unclear, calculated

REQUEST = Request("How long?", [], "gpt-4.1", "Answer.", 0.0, 4_000)


async def body():
    async with stopping.until_ended(uuid4(), uuid4()):
        await asyncio.sleep(0.05)
    return "answered"


def test_a_watcher_that_fails_ends_no_reply(monkeypatch, caplog):
    async def fails(*_):
        raise RuntimeError("broken")

    monkeypatch.setattr(stopping, "_ended", fails)
    assert asyncio.run(body()) == "answered"
    assert "broken" in caplog.text


def test_a_watcher_looks_again_after_a_lost_connection(monkeypatch):
    looks = [InterfaceError("lost"), True, False]

    async def looked(*_, **__):
        found = looks.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    @contextmanager
    def at_once(*_, **__):
        yield SimpleNamespace(wait=lambda _: asyncio.sleep(0))

    monkeypatch.setattr(stopping, "in_block", looked)
    monkeypatch.setattr(stopping, "waiting_for", at_once)
    with pytest.raises(TurnEnded):
        asyncio.run(body())
    assert not looks


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity"])
def test_a_number_that_json_does_not_know_is_malformed(number):
    assert isinstance(_arguments(f'{{"count": {number}}}'), Malformed)
    assert _arguments('{"count": 1.5}') == {"count": 1.5}


@pytest.mark.parametrize(("reason", "outcome"), [("error", "failed"), ("stop", "completed")])
def test_a_call_that_the_provider_says_failed_is_no_completed_one(monkeypatch, reason, outcome):
    ends = []

    async def done(*of):
        ends.extend(of)
        return []

    async def answers(_):
        yield TextDelta("Thirty")
        yield Finished(reason)

    async def read():
        return [e async for e in calls.accounted(answers, "gpt-4.1", None)(REQUEST)]

    monkeypatch.setattr(calls, "_begun", done)
    monkeypatch.setattr(calls, "_settled", done)
    assert asyncio.run(read())[-1] == Finished(reason)
    assert (ends[-1].outcome, ends[-1].reason) == (Outcome(outcome), reason)


@pytest.mark.parametrize("window", [300, 2_000, 8_000, 100_000])
def test_a_request_fits_its_window(window):
    asker = SimpleNamespace(passages=Passages())
    answering = Answering(Asking(asker, REQUEST, [], window))
    answering._opening = UserMessage("word " * 1_000)
    request = answering._request(is_last=False)
    told = tokens_of(request.system_prompt) + tokens_of_messages(request.messages)
    assert request.max_tokens == max(1, min(4_000, window - told))


def test_a_sum_is_bounded_on_the_way():
    assert calculated("sum(1/2, 1/3, 2)") == Fraction(17, 6)
    one, other = "1/(10**2000+1)", "1/(10**2001+1)"
    with pytest.raises(Unclear, match="on the way"):
        calculated(f"sum({one}, {other}, -{other}, -{one})")


def test_a_budget_counts_digits_and_other_scripts_as_a_window_does():
    for text in ("日本語" * 100, "12.50 | 13.75\n" * 100, "thirty days " * 100):
        plain = Request("", [], "gpt-4.1", "", 0.0, 10, messages=[UserMessage("")])
        full = Request("", [], "gpt-4.1", "", 0.0, 10, messages=[UserMessage(text)])
        assert input_tokens_of(full) - input_tokens_of(plain) == tokens_of(text)
