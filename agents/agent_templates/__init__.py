"""Agents to begin with, one for each type: a prompt worth using, and what fits it."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from agents.models.agent import AgentType

_PROMPTS = Path(__file__).parent
_READING = ["search_knowledge", "read_document", "list_documents"]


@dataclass(frozen=True)
class Template:
    """What an agent of a type is made of, before anybody changes it."""

    agent_type: str
    name: str
    description: str
    tools: list[str]
    temperature: float
    max_tokens: int

    @property
    def system_prompt(self) -> str:
        return _prompt(self.agent_type)

    def settings(self) -> dict[str, Any]:
        """The settings of an agent that it decides; the model is everybody's own choice."""
        return {
            "agent_type": self.agent_type,
            "system_prompt": self.system_prompt,
            "tools": list(self.tools),
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
        }


TEMPLATES = {
    template.agent_type: template
    for template in (
        Template(
            AgentType.RFP.value,
            "RFP answers",
            "Answers requests for proposals, requirement by requirement, with proof.",
            _READING,
            temperature=0.2,
            max_tokens=8192,
        ),
        Template(
            AgentType.JIRA.value,
            "Tickets",
            "Summarizes, writes acceptance criteria and drafts tickets from what is written down.",
            [*_READING, "current_time"],
            temperature=0.3,
            max_tokens=4096,
        ),
        Template(
            AgentType.DOC.value,
            "Document questions",
            "Answers questions about documents, with quotes and their places.",
            _READING,
            temperature=0.2,
            max_tokens=4096,
        ),
        Template(
            AgentType.HR.value,
            "HR policies",
            "Explains what policies say, to whom they apply, and where to ask further.",
            [*_READING, "calculate", "current_time"],
            temperature=0.1,
            max_tokens=2048,
        ),
        Template(
            AgentType.FINANCE.value,
            "Finance figures",
            "Finds figures with their page, period and unit, and calculates exactly.",
            [*_READING, "calculate", "current_time"],
            temperature=0.0,
            max_tokens=4096,
        ),
    )
}


@cache
def _prompt(agent_type: str) -> str:
    return (_PROMPTS / f"{agent_type}.md").read_text(encoding="utf-8").strip()
