from agents.models.agent import AgentConfig, AgentRoleGrant, AgentUserGrant, AgentVersion
from agents.models.conversation import Conversation, Message, TurnEvent
from agents.models.feedback import MessageFeedback
from agents.models.provider import ModelProvider

__all__ = [
    "AgentConfig",
    "AgentRoleGrant",
    "AgentUserGrant",
    "AgentVersion",
    "Conversation",
    "Message",
    "MessageFeedback",
    "ModelProvider",
    "TurnEvent",
]
