"""Who is acting, and from where: what the audit trail says beside a change."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
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
        nobody = cls(way=way, address=address)
        return nobody.identified_as(user) if user.is_authenticated else nobody

    def identified_as(self, user: Any) -> "Actor":
        """The same, now that it is known who it is."""
        acting_as = PLATFORM_STAFF if user.is_platform_staff else MEMBER
        return replace(self, acting_as=acting_as, id=user.pk, name=user.username)

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
