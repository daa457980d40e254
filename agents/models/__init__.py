from agents.models.agent import AgentConfig, AgentRoleGrant, AgentUserGrant, AgentVersion
from agents.models.conversation import Conversation, Message, TurnEvent

__all__ = [
    "AgentConfig",
    "AgentRoleGrant",
    "AgentUserGrant",
    "AgentVersion",
    "Conversation",
    "Message",
    "TurnEvent",
]
