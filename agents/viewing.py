"""Whether somebody who watches a conversation, or waits for an agent, still may."""

from typing import Any
from uuid import UUID

from agents.models import AgentConfig, Conversation
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


class AgentUser(SignIn):
    """A request's sign-in, for as long as its person may use an agent."""

    def __init__(self, request: Any, agent_id: UUID):
        super().__init__(request)
        self._agent_id = agent_id

    def still_may(self, user: User) -> bool:
        return AgentConfig.objects.usable_by(user).filter(pk=self._agent_id).exists()
