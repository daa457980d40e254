"""What runs: a fake provider, `manage.py up` with its database, and the relay."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import psycopg

from common.home import ROOT
from common.tests.support import environment, free_port, until

PIECE = 8  # characters, of which the script makes a token
RELAYS = 2  # as many as Chancery has for a turn: a web process and a worker
OWNER = {"login": "owner@acme.example", "password": "demo"}
AGENT = {
    "name": "Quick",
    "slug": "quick",
    "agent_type": "doc",
    "model_name": "fake-1",
    "system_prompt": "Speak.",
}


def text_of(tokens: int) -> str:
    return "".join(f"tok{number % 10_000:04} " for number in range(tokens))


@contextmanager
def running(command: list[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen]:
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            env=env,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)


@contextmanager
def provider(home: Path, tokens: int, every: float) -> Iterator[str]:
    """Yield the base URL of a model that says so many tokens, one in so many seconds."""
    script, log = home / "script.json", home / "provider.log"
    answer = {"text": text_of(tokens), "piece": PIECE, "delay": every}
    script.write_text(json.dumps({"answers": [answer]}))
    command = ["manage.py", "fake_provider", "--protocol", "openai", "--script", str(script)]
    with running(command, environment(home), log):
        until(lambda: "_BASE_URL=" in log.read_text())
        yield log.read_text().splitlines()[0].partition("=")[2]


@contextmanager
def relay(home: Path, provider_url: str) -> Iterator[str]:
    port = free_port()
    command = ["-m", "uvicorn", "benchmarks.chatting.relay:application", "--lifespan", "off"]
    command += ["--port", str(port), "--workers", str(RELAYS), "--no-access-log"]
    log = home / "relay.log"
    with running(command, environment(home, RELAYED_URL=provider_url), log):
        until(lambda: log.read_text().count("Started server process") == RELAYS)
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def chancery(home: Path) -> Iterator[str]:
    """Yield the base URL of the API of a new installation with the demo."""
    port, log = free_port(), home / "up.log"
    more = {"MODEL_ORGANIZATION_NETWORKS": "127.0.0.0/8", "HOST": "127.0.0.1", "PORT": str(port)}
    with running(["manage.py", "up"], environment(home, **more), log) as process:

        def is_ready():
            assert process.poll() is None, log.read_text()
            return "Chancery is ready" in log.read_text()

        until(is_ready, 240)
        yield f"http://127.0.0.1:{port}/api/v1/"


class Api:
    """The API as Acme's owner."""

    def __init__(self, base: str):
        self.base = base
        self.headers = {"Content-Type": "application/json"}
        self.headers["Authorization"] = f"Bearer {self.ask('auth/login/', OWNER)['token']}"

    def ask(self, path: str, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.base + path, data, self.headers), timeout=60) as answer:
            return json.load(answer)

    def conversations(self, count: int, provider_url: str) -> list[str]:
        """Return the URLs to ask in: conversations with an agent whose model is the provider's."""
        provider = {"name": "Fake", "kind": "openai", "base_url": provider_url, "api_key": "sk-any"}
        self.ask("providers/", provider | {"models": [{"name": AGENT["model_name"]}]})
        agent = self.ask("agents/", AGENT)["id"]
        self.ask(f"agents/{agent}/publish/", {})
        place = {"agent": agent, "project": self.ask("projects/")["results"][0]["id"]}
        made = [self.ask("conversations/", place)["id"] for _ in range(count)]
        return [f"{self.base}conversations/{found}/messages/" for found in made]


def database_connections(home: Path) -> int:
    """How many clients PostgreSQL has, but for who asks."""
    from common.embedded.place import socket_directory

    host = str(socket_directory(home.resolve()))
    with psycopg.connect(host=host, dbname="chancery", user="chancery_owner") as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
        assert row
        return row[0]
