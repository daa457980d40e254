from agents.models.agent import AgentConfig, AgentRoleGrant, AgentUserGrant, AgentVersion
from agents.models.budget import Budget, BudgetPeriod
from agents.models.conversation import Conversation, Message, TurnEvent
from agents.models.feedback import MessageFeedback
from agents.models.provider import ModelProvider
from agents.models.usage import OpenCall, UsageRecord

__all__ = [
    "AgentConfig",
    "AgentRoleGrant",
    "AgentUserGrant",
    "AgentVersion",
    "Budget",
    "BudgetPeriod",
    "Conversation",
    "Message",
    "MessageFeedback",
    "ModelProvider",
    "OpenCall",
    "TurnEvent",
    "UsageRecord",
]
