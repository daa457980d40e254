"""Asking over the API as somebody: what is answered, and what it changed before it was undone."""

from typing import Any

from config.tests.attempts.api import Way, send
from config.tests.attempts.samples import body_of, ids_of
from config.tests.attempts.scene import Scene
from config.tests.attempts.undone import undone
from tenants.api.testing import PROBLEM


class Answer:
    """A response with what it changed; `ids` are those that were sent, which it may repeat."""

    def __init__(self, response: Any, facts: dict, ids: tuple[str, ...] = ()):
        body = b"".join(response.streaming_content) if response.streaming else response.content
        self.status = response.status_code
        self.headers = sorted(response.headers.items())
        self.body = body.decode()
        self.json = response.json() if "json" in response.get("Content-Type", "") and body else {}
        self.facts = facts
        for sent in ids:
            self.body = self.body.replace(sent, "<id>")

    @property
    def told(self) -> tuple:
        length = ("Content-Length", "")
        headers = [length if name == "Content-Length" else (name, v) for name, v in self.headers]
        return self.status, self.body, headers

    def __str__(self) -> str:
        return f"{self.status} {self.body[:200]}"

    def refuses(self, *path: str) -> bool:
        """Whether it is a problem of 400 that names the field."""
        if self.status != 400 or dict(self.headers)["Content-Type"] != PROBLEM:
            return False
        wanted = ".".join(path)
        named = [error["field"] or "" for error in self.json.get("errors", ())]
        return not path or any(name == wanted or name.startswith(f"{wanted}.") for name in named)


def answer_to(scene: Any, ask: Any, *ids: str) -> Answer:
    """Ask, note what that changed, and undo it."""
    with undone():
        response = ask()
        return Answer(response, scene.ledger.facts(), ids)


class Asker:
    """Sends a way's body as somebody, to the rows of these names."""

    def __init__(self, scene: Scene, way: Way, actor: str = "owner", **names: str):
        self.scene, self.way = scene, way
        self.client = scene.actors[actor].api()
        self.ids = ids_of(way, scene, actor, **names) or {}
        self.body = body_of(way, scene)

    def __call__(self, body: Any, encoding: str, *sent: str, **ids: Any) -> Answer:
        url = self.way.url(self.ids | ids)
        for value in body.values() if isinstance(body, dict) else ():
            if hasattr(value, "seek"):
                value.seek(0)
        return answer_to(
            self.scene, lambda: send(self.client, self.way.method, url, body, encoding), *sent
        )
