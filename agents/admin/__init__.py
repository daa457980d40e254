"""Agents, what was published of them, and conversations to look at."""

from agents.admin.agent import AgentConfigAdmin, AgentVersionAdmin
from agents.admin.conversation import ConversationAdmin

__all__ = ["AgentConfigAdmin", "AgentVersionAdmin", "ConversationAdmin"]
