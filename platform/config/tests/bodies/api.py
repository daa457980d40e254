"""Complaints about the references of a way: what a body may name, and what it is told."""

from collections.abc import Iterator
from typing import Any

from config.tests.attempts.api import Way
from config.tests.attempts.asking import Answer, Asker
from config.tests.attempts.samples import TARGETS
from config.tests.attempts.scene import Scene, random_id
from config.tests.bodies.references import Reference, references

# Who sees less than everything: what they may not see is as unknown as what is not there.
WHO_SEES_LESS = "member"


def reference_complaints(scene: Scene, way: Way) -> Iterator[str]:
    for reference in references(way):
        for encoding in way.encodings:
            for complaint in _tried(scene, reference, encoding):
                yield f"{reference} ({encoding}): {complaint}"


def _tried(scene: Scene, reference: Reference, encoding: str) -> Iterator[str]:
    ask = Asker(scene, reference.way)

    def named(value: str, asker: Asker = ask) -> Answer:
        sent = [value] if reference.is_many else value
        return asker(reference.body(asker.body, sent), encoding, value)

    own = reference.value(scene.row(reference.model, "own"))
    accepted = named(own)
    if accepted.status >= 300:
        yield f"its own is refused: {accepted}"
    unknown = named(reference.random())
    if reference.is_narrowing:
        if unknown.status >= 300 or own in unknown.body:
            yield f"an unknown id finds something: {unknown}"
    elif not reference.is_shared and not unknown.refuses(*reference.path):
        yield f"a random id is not refused: {unknown}"
    hidden = {
        name: named(reference.value(row))
        for name in ("other", "deleted")
        if (row := scene.row(reference.model, name)) is not None
    }
    if not reference.is_shared and hidden.keys() != {"other", "deleted"}:
        yield f"the scene has no other and deleted {reference.model.__name__}"
    unseen = _unseen(scene, reference)
    if unseen is not None:
        little = Asker(scene, reference.way, WHO_SEES_LESS)
        if little(little.body, encoding).status < 300:
            hidden["unseen"] = named(reference.value(unseen), little)
    for name, answer in hidden.items():
        if answer.told != unknown.told:
            yield f"{name} is told from a random id: {answer} for {unknown}"
        if answer.facts != unknown.facts:
            yield f"{name} changes {answer.facts}"
    yield from _malformed(ask, reference, own, encoding)


def _unseen(scene: Scene, reference: Reference) -> Any:
    """A row of the organization that who sees less does not see."""
    if not hasattr(reference.model.objects.none(), "visible_to"):
        return None
    if reference.model._meta.label == "tenants.Project":
        return scene.row(reference.model, "own")
    return scene.row(reference.model, "unjoined")


def _malformed(ask: Asker, reference: Reference, own: str, encoding: str) -> Iterator[str]:
    for value in reference.malformed(own, encoding=encoding):
        answer = ask(reference.body(ask.body, value), encoding)
        if not answer.refuses(*reference.path):
            yield f"{str(value)[:60]!r} is not refused: {answer}"
        if answer.facts:
            yield f"{str(value)[:60]!r} changes {answer.facts}"


# Rows of others that an owner may read: that they are there is no secret, to write them is refused.
READABLE = {"POST conversations/{pk}/restore/": ["deleted"]}

NO_BODIES = ["x", 1, None, [], [{}]]


def body_complaints(scene: Scene, way: Way) -> Iterator[str]:
    """The body as a whole is something else than an object."""
    ask = Asker(scene, way)
    for encoding in way.encodings:
        accepted = ask(ask.body, encoding)
        if accepted.status >= 300:
            yield f"{way.name} ({encoding}): attempts/samples.py has no body for it: {accepted}"
    if way.serializer is None or "json" not in way.encodings:
        return
    for body in NO_BODIES:
        answer = ask(body, "json")
        if answer.status != 400 or not answer.refuses() or answer.facts:
            yield f"{way.name}: {body!r} is not refused: {answer}"


def path_complaints(scene: Scene, way: Way) -> Iterator[str]:
    """The ids in the path of a way that writes: others' and none are alike, before any 400."""
    ask = Asker(scene, way)
    for parameter, (model, lookup) in way.parameters().items():
        nobody = random_id()
        unknown = ask(ask.body, way.encodings[0], nobody, **{parameter: nobody})
        if unknown.status != 404:
            yield f"{way.name}: a random id in its path is answered {unknown}"
        wanted = {
            name: str(getattr(row, lookup))
            for name in ("other", "deleted")
            if (row := scene.row(model, name)) is not None and name not in _succeeds_with(way)
        }
        wanted |= {text: text for text in ("no-id", "%00", "x" * 2000, "1", "%ED%A0%80")}
        for name, value in wanted.items():
            bodies = [ask.body, {"name": "", "project": "no id"}]
            for body in bodies if name in ("other", "deleted") else bodies[:1]:
                answer = ask(body, way.encodings[0], value, **{parameter: value})
                if answer.told != unknown.told or answer.facts:
                    yield f"{way.name}: {name[:20]} in its path is answered {answer}"


def _succeeds_with(way: Way) -> set[str]:
    """The row with which it succeeds, and the one of somebody else that who asks may read."""
    return {TARGETS.get(way.name, "own"), *READABLE.get(way.name, ())}
