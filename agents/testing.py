"""What tests of agents start from: a published agent, a conversation, a question that waits."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

from agents.baker_recipes import agent_recipe
from agents.models import AgentConfig, Conversation, Message, TurnEvent
from agents.runtime import turn
from agents.services import post_message, publish_agent, start_conversation
from agents.streams import reply_events
from tenants.context import acting_for
from tenants.models import Project, User
from tenants.services import add_member, create_project


def make_agent(*, by: User, **fields: Any) -> AgentConfig:
    """A published agent of the organization acted for."""
    agent = agent_recipe.make(**fields)
    publish_agent(agent=agent, by=by)
    return agent


def make_project(user: User, name: str = "Rocket") -> Project:
    """A project of the organization acted for, which the user has joined."""
    project = create_project(organization_id=user.organization_id, name=name)
    add_member(project=project, user=user)
    return project


def make_conversation(user: User, **fields: Any) -> Conversation:
    """The user's conversation with a published agent of its own, in a project of its own."""
    agent = make_agent(by=user, **fields)
    return start_conversation(agent=agent, project=make_project(user), by=user)


def ask(user: User, content: str = "How many days?", **fields: Any) -> Message:
    """A committed question of the user in a conversation of its own; return the pending reply."""
    with acting_for(user.organization_id):
        return post_message(
            conversation=make_conversation(user, **fields), content=content, by=user
        )


def answer(reply: Any) -> Message:
    """Run the turn of a reply as its job would; return the reply as it is then."""
    asyncio.run(turn.run(reply.organization_id, reply.pk))
    return reread(reply)


def reread(reply: Message) -> Message:
    with acting_for(reply.organization_id):
        return Message.objects.select_related("agent_version").get(pk=reply.pk)


def kept_events(reply: Message) -> list[tuple[int, str, dict[str, Any]]]:
    """(sequence, kind, data) of a reply's events, in order."""
    with acting_for(reply.organization_id):
        events = TurnEvent.objects.filter(message=reply).order_by("sequence")
        return list(events.values_list("sequence", "kind", "data"))


def streamed(reply: Any, after: int = 0) -> list[tuple[int, str, dict[str, Any]]]:
    """The same as a client reads them from the stream."""

    async def read() -> list[bytes]:
        return await read_to_end(reply_events(reply.organization_id, reply.pk, after))

    return parsed(b"".join(asyncio.run(read())))


async def read_to_end(stream: AsyncGenerator[bytes, None]) -> list[bytes]:
    return [part async for part in stream]


def parsed(body: bytes) -> list[tuple[Any, str, dict[str, Any]]]:
    """Read server-sent events as their specification says, comments left out. The id of what was
    told before it was kept stays text."""
    events = []
    for frame in body.decode().removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in frame.split("\n") if line)
        if "data" in fields:
            name = fields["id"]
            number = int(name) if name.isdigit() else name
            events.append((number, fields["event"], json.loads(fields["data"])))
    return events
