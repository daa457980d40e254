"""As whom a turn reads: the asking user, whose rights are asked again each time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from django.db import connection
from django.utils import timezone

from agents.runtime.blocks import in_block
from agents.runtime.passages import Passages
from knowledge.models import Document, DocumentQuerySet
from tenants.grants import is_granted_somewhere
from tenants.models import AccessToken, Project, User
from tenants.permissions import Permissions

STATEMENT_SECONDS = 15


class NotPermitted(Exception):
    """The asking user has lost the right, the project or the account since they asked."""


def asking_user(user_id: UUID, token_id: UUID | None) -> User:
    """Who asks, with no more rights than the token that they came by, if it was one.

    Raises NotPermitted when either is gone.
    """
    user: Any = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        raise NotPermitted
    if token_id:
        tokens = AccessToken.objects.filter(user_id=user_id, expires_at__gt=timezone.now())
        token = tokens.filter(pk=token_id).first()
        if token is None:
            raise NotPermitted
        user.token_scopes = token.scopes
    return cast(User, user)


@dataclass(frozen=True)
class Reader:
    """The asking user within one block, and the project they ask in, if any."""

    user: User
    project: Project | None

    def documents(self) -> DocumentQuerySet:
        """What answers may draw on: what the user may read, and has at hand in the project."""
        documents = Document.objects.visible_to(self.user).searchable()
        if self.project is None:
            return documents
        return documents.at_hand_in(self.project, self.user)

    def may_use(self, permission: Permissions | None) -> bool:
        """Whether a tool that needs a permission may be used, if only with what is granted."""
        if permission is None or self.user.has_perm(permission):
            return True
        return is_granted_somewhere(self.user, permission)


@dataclass(frozen=True)
class Asker:
    """Who asks, where; with the passages that the turn has shown to the model so far."""

    organization_id: UUID
    user_id: UUID
    project_id: UUID | None
    token_id: UUID | None = None
    passages: Passages = field(default_factory=Passages)

    async def read(self, function: Callable[..., Any], *args: Any) -> Any:
        """Return `function(reader, *args)`, in a short read-only transaction.

        Raises NotPermitted when the user or the project is gone.
        """
        return await in_block(self.organization_id, self._read, function, *args, read_only=True)

    async def may_use(self, permission: Permissions | None) -> bool:
        """Whether the asking user may use a tool that needs this, now."""
        allowed: bool = await self.read(Reader.may_use, permission)
        return allowed

    def _read(self, function: Callable[..., Any], *args: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'")
        return function(self._reader(), *args)

    def _reader(self) -> Reader:
        user = asking_user(self.user_id, self.token_id)
        project = None
        if self.project_id:
            project = Project.objects.filter(pk=self.project_id).first()
        if self.project_id and project is None:
            raise NotPermitted
        return Reader(user, project)
