"""Whether somebody who watches a conversation still may."""

from typing import Any
from uuid import UUID

from agents.models import Conversation
from tenants.models import User
from tenants.sign_in import SignIn


class Viewer(SignIn):
    """A request's sign-in, for as long as its person may see a conversation."""

    def __init__(self, request: Any, conversation_id: UUID):
        super().__init__(request)
        self._conversation_id = conversation_id

    def still_may(self, user: User) -> bool:
        seen = Conversation.objects.visible_to(user)
        return seen.filter(pk=self._conversation_id).exists()
