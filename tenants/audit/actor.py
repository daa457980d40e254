"""Who is acting, and from where: what the audit trail says beside a change."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

SETTING = "app.actor"

MEMBER, PLATFORM_STAFF, NOBODY = "member", "platform staff", "nobody"


@dataclass(frozen=True)
class Actor:
    """A person at the other end of a request. `way` is how they came in: api, admin or web.

    Without one, PostgreSQL writes down the login and the program (`application_name`).
    """

    way: str
    acting_as: str = NOBODY
    id: UUID | None = None
    name: str = ""
    address: str = ""

    @classmethod
    def of(cls, user: Any, *, way: str, address: str = "") -> "Actor":
        if not user.is_authenticated:
            return cls(way=way, address=address)
        acting_as = PLATFORM_STAFF if user.is_platform_staff else MEMBER
        return cls(way, acting_as, user.pk, user.username, address)

    def __str__(self) -> str:
        """As the triggers read it: one JSON object."""
        return json.dumps(
            {
                "id": str(self.id) if self.id else None,
                "name": self.name,
                "as": self.acting_as,
                "way": self.way,
                "address": self.address,
            }
        )


_actor: ContextVar[Actor | None] = ContextVar("actor", default=None)


def current_actor() -> Actor | None:
    return _actor.get()


@contextmanager
def acted_by(actor: Actor | None) -> Iterator[None]:
    """What is changed in blocks opened inside is this one's doing (`tenants.context`)."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)
