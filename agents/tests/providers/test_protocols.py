"""What each protocol says and is told, by the company's own library over real HTTP."""

import asyncio
import json
import os
import subprocess
import sys

import pytest

from agents.providers.fake.script import Answer
from agents.providers.fake.testing import fake_server
from agents.providers.protocol import (
    AssistantMessage,
    Malformed,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
    UserMessage,
)
from agents.tests.providers.asking import KEY, MODELS, PROTOCOLS, access_to, ask, asked
from common.home import ROOT

SEARCH = Tool(
    "search_knowledge",
    "Find passages.",
    {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)
CALLS = [
    {"id": "call-a", "name": "search_knowledge", "arguments": {"query": "leave"}},
    {"id": "call-b", "name": "search_knowledge", "arguments": {"query": "holidays"}},
]
KEY_HEADERS = {"openai": "authorization", "anthropic": "x-api-key", "gemini": "x-goog-api-key"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_text_comes_in_pieces_with_usage_and_a_reason(impatient, protocol):
    with fake_server(protocol, Answer(text="Zwölf Tage, 12 日 🎉.")) as server:
        said = ask(protocol, server.url)
    assert (said.text, said.reason) == ("Zwölf Tage, 12 日 🎉.", "stop")
    assert len(said.events) > 3
    assert said.usage == Usage(input_tokens=30, cached_tokens=10, output_tokens=4)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("finish", ["stop", "length", "content_filter"])
def test_each_reason_is_one_of_ours(impatient, protocol, finish):
    with fake_server(protocol, Answer(finish=finish)) as server:
        assert ask(protocol, server.url).reason == finish


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_several_tools_are_called_at_once(impatient, protocol):
    with fake_server(protocol, Answer(text="Looking.", tool_calls=CALLS)) as server:
        said = ask(protocol, server.url, tools=[SEARCH])
    assert (said.text, said.reason) == ("Looking.", "tool_calls")
    assert [(call.id, call.name, call.arguments) for call in said.calls] == [
        (call["id"], call["name"], call["arguments"]) for call in CALLS
    ]
    told = json.dumps(server.received[0].body)
    assert '"search_knowledge"' in told
    assert '"required": ["query"]' in told


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_model_that_may_call_no_more_is_told_so(impatient, protocol):
    with fake_server(protocol) as server:
        assert ask(protocol, server.url, tools=[SEARCH], may_call=False).reason == "stop"
        told = json.dumps(server.received[0].body)
    assert '"search_knowledge"' in told
    choices = {
        "openai": '"tool_choice": "none"',
        "anthropic": '"tool_choice": {"type": "none"}',
        "gemini": '"functionCallingConfig": {"mode": "NONE"}',
    }
    assert choices[protocol] in told


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_results_go_back_with_their_calls(impatient, protocol):
    first = ToolCall("call-a", "search_knowledge", {"query": "leave"}, opaque="c2lnbmVk")
    second = ToolCall("call-b", "search_knowledge", Malformed('{"qu'), opaque="not base64!")
    messages = [
        UserMessage("How many days?"),
        AssistantMessage("Looking.", [first, second]),
        ToolResult(first, "Five days."),
        ToolResult(second, "These arguments are no JSON.", is_error=True),
    ]
    with fake_server(protocol) as server:
        assert ask(protocol, server.url, messages=messages).reason == "stop"
        (received,) = server.received
    body = received.body
    told = json.dumps(body)
    for text in ("How many days?", "Looking.", "Five days.", "These arguments are no JSON."):
        assert text in told
    match protocol:
        case "openai":
            roles = [message["role"] for message in body["messages"]]
            assert roles == ["system", "user", "assistant", "tool", "tool"]
            assert [m["tool_call_id"] for m in body["messages"][3:]] == ["call-a", "call-b"]
        case "anthropic":
            assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]
            results = body["messages"][2]["content"]
            assert [r["tool_use_id"] for r in results] == ["call-a", "call-b"]
            assert [r["is_error"] for r in results] == [False, True]
        case "gemini":
            assert [c["role"] for c in body["contents"]] == ["user", "model", "user"]
            said = body["contents"][1]["parts"]
            assert [p.get("thoughtSignature") for p in said] == [None, "c2lnbmVk", None]
            results = [p["functionResponse"] for p in body["contents"][2]["parts"]]
            assert [r["response"] for r in results] == [
                {"output": "Five days."},
                {"error": "These arguments are no JSON."},
            ]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_blank_is_sent(impatient, protocol):
    call = ToolCall("call-a", "search_knowledge", Malformed('{"qu'))
    messages = [
        UserMessage("How many days?"),
        AssistantMessage(" \n"),
        UserMessage("How many?"),
        AssistantMessage("  ", [call]),
        ToolResult(call, "These arguments are no JSON.", is_error=True),
    ]
    with fake_server(protocol) as server:
        assert ask(protocol, server.url, messages=messages).reason == "stop"
        body = server.received[0].body
    match protocol:
        case "openai":
            (said,) = [m for m in body["messages"] if m["role"] == "assistant"]
            assert not said.get("content")
            (sent,) = said["tool_calls"]
            assert json.loads(sent["function"]["arguments"]) == {"malformed": '{"qu'}
        case "anthropic":
            assert [len(m["content"]) for m in body["messages"]] == [2, 1, 1]
            assert body["messages"][1]["content"][0]["type"] == "tool_use"
        case "gemini":
            assert [len(c["parts"]) for c in body["contents"]] == [2, 1, 1]


def test_what_a_gemini_call_is_signed_with_comes_along(impatient):
    with fake_server("gemini", Answer(tool_calls=CALLS)) as server:
        assert {call.opaque for call in ask("gemini", server.url).calls} == {"c2lnbmVk"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_agents_settings_arrive(impatient, protocol):
    with fake_server(protocol) as server:
        ask(protocol, server.url)
        (received,) = server.received
    body = received.body
    assert "Answer from the documents." in json.dumps(body)
    match protocol:
        case "openai":
            assert (body["model"], body["max_tokens"]) == (MODELS[protocol], 100)
            assert body["temperature"] == 0.5
        case "anthropic":
            assert (body["model"], body["max_tokens"]) == (MODELS[protocol], 100)
            assert "temperature" not in body
        case "gemini":
            assert f"/models/{MODELS[protocol]}:" in received.path
            assert body["generationConfig"] == {"temperature": 0.5, "maxOutputTokens": 100}


@pytest.mark.parametrize("model", ["o3-mini", "gpt-5", "gpt-5.1"])
def test_a_model_that_takes_no_temperature_is_told_none(impatient, model):
    with fake_server("openai") as server:
        ask("openai", server.url, model_name=model)
        assert "temperature" not in server.received[0].body


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_key_leaves_in_its_header_and_nothing_of_the_environment_does(
    impatient, monkeypatch, protocol
):
    for name in (
        "OPENAI_ORG_ID",
        "OPENAI_PROJECT_ID",
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "GOOGLE_API_KEY",
        "GEMINI_API_KEY",
    ):
        monkeypatch.setenv(name, "planted-in-the-environment")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Planted: planted-in-the-environment")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Planted: planted-in-the-environment")
    with fake_server(protocol) as server:
        assert ask(protocol, server.url).reason == "stop"
        (received,) = server.received
    assert received.key.removeprefix("Bearer ") == KEY
    assert [name for name, value in received.headers.items() if KEY in value] == [
        KEY_HEADERS[protocol]
    ]
    assert "planted" not in json.dumps(received.headers)
    assert received.headers["user-agent"] == "Chancery"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_calls_of_one_worker_share_a_connection(impatient, protocol):
    async def twice():
        return [await asked(protocol, server.url) for _ in range(2)]

    with fake_server(protocol) as server:
        assert [said.reason for said in asyncio.run(twice())] == ["stop", "stop"]
        ports = {received.port for received in server.received}
    assert len(ports) == 1


def test_a_hundred_accesses_leave_few_clients_behind(impatient):
    from agents.providers.clients import _KEPT, clients

    async def each():
        for number in range(_KEPT + 10):
            access = access_to("openai", f"{server.url}/{number}")
            assert (await asked("openai", "", access=access)).reason == "stop"
        return len((await clients())._clients)

    with fake_server("openai") as server:
        assert asyncio.run(each()) == _KEPT


def test_a_fake_provider_is_run_by_its_command(impatient, tmp_path):
    script = tmp_path / "script.json"
    script.write_text('{"answers": [{"text": "Five."}, {"fault": "500"}]}')
    command = [sys.executable, str(ROOT / "manage.py"), "fake_provider", "--protocol", "openai"]
    process = subprocess.Popen(
        [*command, "--script", str(script), "--key", KEY],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        name, url = process.stdout.readline().strip().split("=")
        assert name == "OPENAI_BASE_URL"
        assert ask("openai", url).text == "Five."
        logged = json.loads(process.stdout.readline())
        assert (logged["path"], logged["key_ends"]) == ("/v1/chat/completions", KEY[-4:])
        assert logged["body"]["model"] == MODELS["openai"]
    finally:
        process.terminate()
        process.communicate(timeout=10)


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("{", "this is no JSON"),
        ("[]", 'A script is {"answers": [...]}'),
        ('{"answers": [{"txt": "x"}]}', "Answer 0: the names are"),
        ('{"answers": [{"fault": "bored"}]}', "the faults are"),
        ('{"answers": [{"finish": "tired"}]}', "finish is one of"),
    ],
)
def test_a_script_that_makes_no_sense_is_refused(tmp_path, script, complaint):
    from django.core.management import CommandError, call_command

    file = tmp_path / "script.json"
    file.write_text(script)
    with pytest.raises(CommandError, match=r".") as said:
        call_command("fake_provider", "--protocol", "openai", "--script", str(file))
    assert complaint in str(said.value)
