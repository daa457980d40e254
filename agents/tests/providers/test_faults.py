"""Each way of going wrong, by each protocol, over real HTTP: an end in time, and an error of ours.

The table names what is expected of a fault; `ANSWERS` end well.
"""

import asyncio
import logging
import socket
import time

import pytest

from agents.providers import errors
from agents.providers.fake.faults import FAULTS
from agents.providers.fake.script import Answer
from agents.providers.fake.testing import fake_server
from agents.providers.protocol import Malformed
from agents.tests.providers.asking import KEY, PROTOCOLS, ask, asked

TEXT = "Twelve days, as the handbook says, for everybody."
BEGINNING = "Twelve days, as the hand"  # the first half, in pieces of four
ENDS_IN_SECONDS = 15.0  # a library may be imported on a busy machine; time-outs are below 1 s

FAILS = {
    "400": errors.ContextTooLong,
    "401": errors.CredentialsRefused,
    "403": errors.CredentialsRefused,
    "404": errors.UnknownModel,
    "429": errors.RateLimited,
    "500": errors.Overloaded,
    "503": errors.Overloaded,
    "529": errors.Overloaded,
    "disconnect": errors.Unreachable,
    "hang_before_headers": errors.TimedOut,
    "hang_after_headers": errors.TimedOut,
    "hang_in_the_middle": errors.TimedOut,
    "slow_headers": errors.TimedOut,
    "drip": errors.TimedOut,
    "keep_alives": errors.TimedOut,
    "cut": errors.Broken,
    "cut_in_json": errors.Broken,
    "cut_in_utf8": errors.Broken,
    "ends_in_json": errors.Broken,
    "missing_end": errors.Broken,
    "wrong_type": errors.Broken,
    "error_body": errors.Broken,
    "error_event": errors.Overloaded,
    "no_json": errors.Broken,
    "no_http": errors.Broken,
    "redirect": errors.Broken,
    "flood": errors.TooMuch,
    "long_line": errors.TooMuch,
    "many_tool_calls": errors.TooMuch,
}
ANSWERS = set(FAULTS) - FAILS.keys()
# What had come before the fault is kept.
PARTIAL = {
    "hang_in_the_middle",
    "cut",
    "cut_in_json",
    "cut_in_utf8",
    "ends_in_json",
    "missing_end",
    "error_event",
}


def test_the_table_names_faults_that_there_are():
    assert FAILS.keys() | PARTIAL <= FAULTS.keys()
    assert len(FAULTS) >= 25


@pytest.mark.parametrize(
    ("fault", "protocol"),
    [
        pytest.param(fault, protocol, marks=[] if (i + j) % 3 else pytest.mark.long)
        for i, fault in enumerate(FAULTS)
        for j, protocol in enumerate(PROTOCOLS)
    ],
)
def test_a_fault_ends_in_time_and_shows_no_key(impatient, caplog, fault, protocol):
    caplog.set_level(logging.DEBUG)
    with fake_server(protocol, Answer(text=TEXT, fault=fault)) as server:
        begun = time.monotonic()
        said = ask(protocol, server.url)
        assert time.monotonic() - begun < ENDS_IN_SECONDS
        assert len(server.received) == (fault != "slow_headers" or 1)
    shown = caplog.text + repr(said.error) + str(said.error)
    assert KEY not in shown
    if (fault, protocol) == ("malformed_arguments", "gemini"):
        # What is no object fits into nothing that its library reads.
        assert type(said.error) is errors.Broken
    elif fault in ANSWERS:
        assert said.error is None
        assert said.reason in ("stop", "tool_calls")
    else:
        assert type(said.error) is FAILS[fault]
        assert said.error.explanation
        assert said.reason is None
    if fault in PARTIAL:
        assert said.text == BEGINNING
    elif said.error and fault not in ("flood", "many_tool_calls", "drip"):
        assert protocol == "gemini" or said.text == ""


def test_a_provider_that_is_not_there(impatient):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        said = ask("openai", f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
    assert type(said.error) is errors.Unreachable


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_redirect_is_not_followed(impatient, protocol):
    with (
        fake_server(protocol) as elsewhere,
        fake_server(protocol, Answer(fault="redirect", location=elsewhere.url)) as server,
    ):
        assert type(ask(protocol, server.url).error) is errors.Broken
        assert (len(server.received), elsewhere.received) == (1, [])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_flood_is_cut_off_where_the_limit_is(impatient, protocol):
    impatient.MODEL_MAX_CHARACTERS = 50_000
    with fake_server(protocol, Answer(fault="flood")) as server:
        said = ask(protocol, server.url)
    assert (type(said.error), said.error.cause) == (errors.TooMuch, "characters")
    assert len(said.text) == 50_000


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_bytes_are_counted_whatever_they_say(impatient, protocol):
    impatient.MODEL_MAX_BYTES = 20_000
    with fake_server(protocol, Answer(fault="flood")) as server:
        said = ask(protocol, server.url)
    assert (type(said.error), said.error.cause) == (errors.TooMuch, "bytes")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_postgresql_cannot_keep_is_dropped(impatient, protocol):
    answers = [Answer(fault=fault) for fault in ("nul", "lone_surrogate")]
    with fake_server(protocol, *answers) as server:
        texts = [ask(protocol, server.url).text for _ in answers]
    assert texts[0] == "Five days."
    assert texts[1] in ("Five days.", "Five\ufffd days.")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_line_separator_within_the_text_ends_no_event(impatient, protocol):
    with fake_server(protocol, Answer(fault="line_separators")) as server:
        assert ask(protocol, server.url).text == "Five\u2028days\u0085exactly."


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_usage_that_cannot_be_is_bounded(impatient, protocol):
    with fake_server(protocol, Answer(fault="absurd_usage")) as server:
        usage = ask(protocol, server.url).usage
    assert 0 <= usage.input_tokens <= 10**9
    assert 0 <= usage.output_tokens <= 10**9
    assert usage.cached_tokens == 0


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
def test_malformed_arguments_are_marked(impatient, protocol):
    with fake_server(protocol, Answer(fault="malformed_arguments")) as server:
        (call,) = ask(protocol, server.url).calls
    assert call.arguments == Malformed('{"query": "lea')


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_usage_is_told_of_an_answer_that_breaks_off(impatient, protocol):
    with fake_server(protocol, Answer(text=TEXT, fault="cut")) as server:
        usage = ask(protocol, server.url).usage
    # Anthropic alone tells what it has read at the beginning.
    assert (usage and usage.input_tokens) == (30 if protocol == "anthropic" else None)


@pytest.mark.parametrize("fault", ["429", "500", "503", "disconnect"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_passes_is_tried_again(impatient, protocol, fault):
    impatient.MODEL_RETRIES = 2
    impatient.MODEL_FIRST_TOKEN_SECONDS = 3.0
    answers = [Answer(fault=fault), Answer(fault=fault), Answer(text=TEXT)]
    with fake_server(protocol, *answers) as server:
        said = ask(protocol, server.url)
        assert (said.text, said.error, len(server.received)) == (TEXT, None, 3)


@pytest.mark.parametrize("fault", ["400", "401", "404", "redirect", "wrong_type", "cut"])
def test_what_stays_is_not_tried_again(impatient, fault):
    impatient.MODEL_RETRIES = 2
    with fake_server("openai", Answer(text=TEXT, fault=fault), Answer(text=TEXT)) as server:
        assert ask("openai", server.url).error
        assert len(server.received) == 1


def test_there_is_an_end_to_trying(impatient):
    impatient.MODEL_RETRIES = 2
    with fake_server("openai", Answer(fault="500")) as server:
        assert type(ask("openai", server.url).error) is errors.Overloaded
        assert len(server.received) == 3


def test_a_provider_is_left_alone_for_as_long_as_it_asks(impatient):
    impatient.MODEL_RETRIES = 1
    with fake_server("openai", Answer(fault="429", retry_after="0.3"), Answer()) as server:
        begun = time.monotonic()
        assert ask("openai", server.url).error is None
        assert time.monotonic() - begun >= 0.3


@pytest.mark.parametrize("retry_after", ["3600", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_a_provider_that_asks_for_too_much_patience_is_not_waited_for(impatient, retry_after):
    impatient.MODEL_RETRIES = 1
    with fake_server("openai", Answer(fault="429", retry_after=retry_after), Answer()) as server:
        said = ask("openai", server.url)
        assert (type(said.error), len(server.received)) == (errors.RateLimited, 1)
        assert said.error.retry_after >= 3600


@pytest.mark.parametrize("retry_after", ["soon", "-5", "Wed, 99 Foo", "1e9", "\u0663"])
def test_a_pause_that_makes_no_sense_is_ignored(impatient, retry_after):
    impatient.MODEL_RETRIES = 1
    answers = [Answer(fault="429", retry_after=retry_after.encode().decode("latin-1")), Answer()]
    with fake_server("openai", *answers) as server:
        assert ask("openai", server.url).error is None


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_who_stops_reading_closes_the_connection(impatient, protocol):
    async def read_one():
        from agents.providers import speaker
        from agents.tests.providers.asking import access_to, request_of

        request = request_of(protocol)
        answer = speaker(access_to(protocol, server.url), request.model_name)(request)
        await anext(answer)
        await answer.aclose()
        return await asked(protocol, server.url)

    with fake_server(protocol, Answer(text=TEXT, fault="hang_in_the_middle"), Answer()) as server:
        assert asyncio.run(read_one()).reason == "stop"
