"""Who asks, and what none of what they are answered may hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

from django.test import Client

from config.tests.matrix.texts import ERASED, SEALED
from config.tests.matrix.world import JOB, World
from tenants.control_plane import platform_models

RANKS = ("anonymous", "viewer", "member", "manager", "owner")
TOKEN, SESSION = "token", "session"
CSRF = "c" * 32
_BOTH = ("acme", "globex")


@dataclass(frozen=True)
class Actor:
    """`slug` is the organization whose rows are their own, `rank` the place of their role."""

    name: str
    username: str
    rank: int
    slug: str = "acme"
    is_staff: bool = False

    def __str__(self) -> str:
        return self.name

    @property
    def other(self) -> str:
        return "globex" if self.slug == "acme" else "acme"

    @property
    def is_somebody(self) -> bool:
        return self.rank > 0 or self.is_staff

    @property
    def not_theirs(self) -> tuple[str, ...]:
        """The organizations whose rows they may not change; of platform staff, the content."""
        return (self.other,) if self.rank > 0 else _BOTH

    @property
    def forbidden_words(self) -> tuple[str, ...]:
        if self.is_staff:
            return (SEALED, ERASED)
        return (*self.not_theirs, ERASED)


ACTORS = [
    Actor("anonymous", "", 0),
    *(Actor(role, f"acme-{role}", RANKS.index(role)) for role in RANKS[1:]),
    Actor("foreigner", "globex-owner", RANKS.index("owner"), slug="globex"),
    Actor("deactivated", "acme-former", 0),
    Actor("staff", "staff", 0, is_staff=True),
]
BY_NAME = {actor.name: actor for actor in ACTORS}


def client_of(actor: Actor, world: World, transport: str) -> Client:
    """A client that is the actor, with a CSRF token. It remembers nothing: renew it by `renew`."""
    client = Client(enforce_csrf_checks=True)
    client.defaults["HTTP_X_CSRFTOKEN"] = CSRF
    if transport == TOKEN and actor.username:
        client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {world.tokens[actor.username]}"
    renew(client, actor, world, transport)
    return client


def renew(client: Client, actor: Actor, world: World, transport: str) -> None:
    client.cookies = SimpleCookie({"csrftoken": CSRF})
    if transport == SESSION and actor.username:
        client.cookies["sessionid"] = world.sessions[actor.username]


def forbidden_ids(actor: Actor, world: World) -> frozenset[str]:
    """The ids, in hexadecimal, of the rows that nothing may tell the actor of."""
    if actor.name not in world.hidden:
        world.hidden[actor.name] = frozenset(_hidden(actor, world))
    return world.hidden[actor.name]


def _hidden(actor: Actor, world: World) -> Iterator[str]:
    shown_to_staff = {model._meta.label for model in platform_models()}
    # Jobs, which platform staff watch, name the document that they are about.
    shown_to_staff.add("knowledge.Document")
    for slug, side in world.sides.items():
        for label, row in side.rows():
            if label in ("tenants.Permission", JOB):
                continue
            is_deleted = row is side.deleted.get(label)
            is_anothers = slug in actor.not_theirs
            if is_deleted or (label not in shown_to_staff if actor.is_staff else is_anothers):
                yield in_hex(row.pk)


def deleted_ids(actor: Actor, world: World) -> list[str]:
    """The ids of deleted rows of which the actor may be told where they look for them."""
    slugs = _BOTH if actor.is_staff else (actor.slug,)
    return [str(row.pk) for slug in slugs for row in world.sides[slug].deleted.values()]


def in_hex(key: Any) -> str:
    """An id without dashes; composite keys are known by their rows' own ids."""
    return str(key).replace("-", "")
