from agents.models.agent import AgentConfig, AgentVersion
from agents.models.conversation import Conversation, Message, TurnEvent

__all__ = ["AgentConfig", "AgentVersion", "Conversation", "Message", "TurnEvent"]
