"""What somebody achieves over the API, way by way, field by field."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from config.tests.attempts.api import Way, fields_of, ways
from config.tests.attempts.asking import Asker
from config.tests.attempts.extras import extras
from config.tests.attempts.facts import difference
from config.tests.attempts.samples import TARGETS, ids_of, sent_changes
from config.tests.attempts.scene import Scene
from config.tests.escalation.judging import Achieved
from config.tests.escalation.telling import all_of, is_of_globex, told, what_fields_do

METHODS = ("POST", "PUT", "PATCH", "DELETE")
# Answers of who looks at nothing that was sent.
CLOSED = (401, 404, 405)
# Who is refused before a row is looked for; the HTTP matrix asks them for every kind of row.
NOBODIES = ("anonymous", "deactivated", "staff")


def achieved(scene: Scene, actor: str, *, only: str = "") -> Iterator[Achieved]:
    """All that an actor achieves; `only` the ways whose name begins so."""
    for way in _all_ways(scene):
        if not way.path.startswith("auth/") and way.name.startswith(only):
            for target in targets(scene, way, actor):
                for what in _tried(scene, way, actor, target):
                    if not (actor == "foreigner" and is_of_globex(what)):
                        yield Achieved(actor, way.name, target, what)


@cache
def _all_ways(scene: Scene) -> list[Way]:
    return ways(scene.actors["owner"].user, METHODS)


def targets(scene: Scene, way: Way, actor: str) -> list[str]:
    """The rows that the last parameter of the path may name; "" when it has none."""
    if not way.parameters():
        return [""]
    (model, _) = list(way.parameters().values())[-1]
    names = scene.targets(model, actor)
    if way.names:  # all rows are shared alike
        names = [name for name in names if name not in ("shared", "joined", "unjoined")]
    return names[:1] if actor in NOBODIES else names


def _tried(scene: Scene, way: Way, actor: str, target: str) -> Iterator[str]:
    names = {list(way.parameters())[-1]: target} if target else {}
    if len(way.parameters()) > 1:
        names |= {next(iter(way.parameters())): TARGETS.get(way.name, "own")}
    ask, encoding = Asker(scene, way, actor, **names), way.encodings[0]
    # Who has no conversation of their own tries the owner's.
    ask.ids = ask.ids or ids_of(way, scene, "owner", **names) or {}
    fields = fields_of(way.serializer)
    along = {
        name: value
        for name, value in extras(scene, way.model, actor).items()
        if not way.reads(name) and not isinstance(value, SimpleUploadedFile)
    }
    everything = ask(along | _one_of_each(scene, way, fields, actor) | ask.body, encoding)
    if everything.status in CLOSED:
        yield from all_of("everything", everything.facts, way.model)
        return
    plain = ask(ask.body, encoding)
    if plain.status >= 400:
        yield from all_of("everything", everything.facts, way.model)
        return
    yield from all_of("does", plain.facts, way.model)
    if not fields:
        return
    changes = {
        name: list(sent_changes(way, name, field, scene, actor)) for name, field in fields.items()
    }

    def differs(**sent: Any) -> set[str] | None:
        answer = ask(ask.body | sent, encoding)
        return difference(plain.facts, answer.facts) if answer.status < 400 else None

    yield from what_fields_do(changes, differs, way.model)
    beside = ask(along | ask.body, encoding)
    assert beside.status == plain.status, f"{actor} {way.name} {target}: {beside}"
    if changed := difference(plain.facts, beside.facts):
        yield told("along", changed, way.model)


def _one_of_each(scene: Scene, way: Way, fields: Any, actor: str) -> dict[str, Any]:
    found = {}
    for name, field in fields.items():
        for _, value in sent_changes(way, name, field, scene, actor):
            found[name] = value
    return found
