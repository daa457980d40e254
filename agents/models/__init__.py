from agents.models.agent import AgentConfig, AgentRoleGrant, AgentUserGrant, AgentVersion
from agents.models.budget import Budget, BudgetPeriod
from agents.models.conversation import Conversation, Message, TurnEvent
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
    "ModelProvider",
    "OpenCall",
    "TurnEvent",
    "UsageRecord",
]
