"""The web process, then PostgreSQL, are killed in the middle of a stream of a running system."""

import contextlib
import http.client
import json
import os
import signal
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from agents.providers.fake.script import Answer
from agents.providers.fake.testing import fake_server
from agents.testing import parsed
from common.tests.support import temporary_home, until
from common.tests.test_up import Up

pytestmark = pytest.mark.long

WORDS = "".join(f"word {number} " for number in range(100))
OWNER = {"login": "owner@acme.example", "password": "demo"}


class Api:
    """The API of a running system, as Acme's owner."""

    def __init__(self, up):
        self.base = f"http://127.0.0.1:{up.port}/api/v1/"
        self.token = ""
        self.token = self.ask("auth/login/", OWNER)["token"]

    def open(self, path, body=None, **headers):
        headers |= {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        return urlopen(Request(self.base + path, data, headers), timeout=60)

    def ask(self, path, body=None):
        with self.open(path, body) as answer:
            return json.load(answer)

    def ask_when_there(self, path):
        """None while it cannot be asked, as when something starts anew."""
        with contextlib.suppress(URLError, OSError, http.client.HTTPException):
            return self.ask(path)

    def conversation(self):
        agent = {"name": "Slow", "slug": "slow", "agent_type": "doc", "model_name": "gpt-4.1"}
        made = self.ask("agents/", agent | {"system_prompt": "Speak."})
        self.ask(f"agents/{made['id']}/publish/", {})
        project = self.ask("projects/")["results"][0]["id"]
        started = self.ask("conversations/", {"agent": made["id"], "project": project})
        return f"conversations/{started['id']}/messages/"

    def stream_until_text(self, path, then):
        """Ask, call `then` when the first words have come, and return all frames that came."""
        lines = []
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            self.open(path, {"content": "Speak"}, Accept="text/event-stream") as stream,
        ):
            for line in stream:
                lines.append(line)
                if line.startswith(b"data: ") and b"word" in line and then:
                    then()
                    then = None
        frames, _, _ = b"".join(lines).rpartition(b"\n\n")
        return parsed(frames + b"\n\n")


@contextlib.contextmanager
def running(home, **options):
    up = Up(home, **options)
    try:
        until(up.is_ready, 240)
        yield up
    finally:
        if up.process.poll() is None:
            up.stop()


def text_of(events):
    return "".join(data["text"] for _, kind, data in events if kind == "text.delta")


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def test_what_is_killed_in_the_middle_of_a_stream():
    slow = Answer(text=WORDS, delay=0.02)
    with fake_server("openai", slow) as server, temporary_home() as home:
        options = {"OPENAI_API_KEY": "sk-any", "OPENAI_BASE_URL": server.url}
        with running(home, **options) as up:
            api = Api(up)
            path = api.conversation()

            begun = api.stream_until_text(path, lambda: kill(up.pid("web")))
            assert begun[-1][1] == "text.delta"
            reply = f"{path}{begun[0][2]['id']}/"
            until(lambda: api.ask_when_there(reply))
            with api.open(f"{reply}events/", **{"Last-Event-ID": str(begun[-1][0])}) as rest:
                seen = [*begun, *parsed(rest.read())]
            with api.open(f"{reply}events/") as whole:
                kept = parsed(whole.read())
            assert seen[-1] == kept[-1]
            assert text_of(seen) == text_of(kept)
            assert seen[-1][1] == "message.completed"
            assert text_of(seen).strip() == seen[-1][2]["content"].strip() == WORDS.strip()

            begun = api.stream_until_text(path, lambda: kill(up.pid("postgresql")))
            reply = f"{path}{begun[0][2]['id']}/"

            def ended():
                found = api.ask_when_there(reply)
                return found if found and found["status"] != "pending" else None

            found = until(ended, 120)
            # It goes on where nothing was being written when PostgreSQL went.
            is_whole = found["content"].strip() == WORDS.strip()
            assert found["status"] == ("completed" if is_whole else "interrupted")
            assert found["content"]
            assert WORDS.startswith(found["content"])
            assert api.ask(path, {"content": "Again"})["status"] == "completed"
            assert len(api.ask(path)["results"]) == 6
