"""Complaints about what is sent along with a body."""

from collections.abc import Iterator

from django.core.files.uploadedfile import SimpleUploadedFile

from config.tests.attempts.api import Way
from config.tests.attempts.asking import Asker
from config.tests.attempts.extras import extras
from config.tests.attempts.facts import difference
from config.tests.attempts.scene import Scene


def extra_complaints(scene: Scene, way: Way, encoding: str) -> Iterator[str]:
    """Complain when a body with all of them does anything else than the body alone."""
    ask = Asker(scene, way)
    sent = {
        name: value
        for name, value in extras(scene, way.model, "owner").items()
        if not way.reads(name) and not isinstance(value, SimpleUploadedFile)
    }
    plain, full = ask(ask.body, encoding), ask(sent | ask.body, encoding)
    if plain.status >= 300 or full.status != plain.status:
        yield f"{way.name} ({encoding}): {plain} became {full}"
    for name in sorted(difference(plain.facts, full.facts)):
        yield f"{way.name} ({encoding}): what is sent along writes {name}"
