"""What a tool is, as the whole of Chancery knows it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from agents.providers import protocol
from agents.tools.asker import Asker
from tenants.permissions import Permissions


class Risk(StrEnum):
    """What a tool can do at worst, when somebody talks a model into calling it."""

    NONE = "none"  # it knows nothing of the organization
    READ = "read"  # it shows what the asking user may read anyway


class ToolFailed(Exception):
    """A tool cannot do what is asked. The text is for the model, which may try otherwise."""


@dataclass(frozen=True)
class Found:
    """What a tool answers: a text for the model, and the documents that anything in it is from.

    The text marks as data what somebody else wrote (agents.runtime.passages).
    """

    text: str
    documents: frozenset[UUID] = frozenset()


Run = Callable[[Asker, Mapping[str, Any]], Awaitable[Found]]


@dataclass(frozen=True)
class Tool:
    """`parameters` is the JSON schema of an object, which the arguments of `run` fulfil.

    `permission` is what the asking user must have, None where anybody may. `run` holds no
    transaction while it waits, and raises ToolFailed for what cannot be done.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    run: Run
    risk: Risk
    permission: Permissions | None = None

    def offered(self) -> protocol.Tool:
        """As a model is told of it."""
        return protocol.Tool(self.name, self.description, self.parameters)


def parameters(required: tuple[str, ...] = (), **properties: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object with these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
