"""Agents, what was published of them, and conversations to look at."""

from agents.admin.accounting import BudgetAdmin, UsageRecordAdmin
from agents.admin.agent import AgentConfigAdmin, AgentVersionAdmin
from agents.admin.conversation import ConversationAdmin
from agents.admin.provider import ModelProviderAdmin

__all__ = [
    "AgentConfigAdmin",
    "AgentVersionAdmin",
    "BudgetAdmin",
    "ConversationAdmin",
    "ModelProviderAdmin",
    "UsageRecordAdmin",
]
