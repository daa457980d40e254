"""A message as the API, the streams and the events of a turn show it."""

from typing import Any

from agents.models import Message
from agents.providers.errors import EXPLANATIONS as OF_PROVIDERS

# What `finish_reason` means to whoever asked, where the turn did not end well.
EXPLANATIONS = OF_PROVIDERS | {
    "error": "Something went wrong while this was being answered. Ask again; the cause is logged.",
    "interrupted": "The answer was interrupted before its end. Ask again.",
    "model_unavailable": "This agent's model is not available in this installation.",
    "not_permitted": "You may no longer ask in this conversation.",
    "tool_calls": "The model went on to call tools until it might no more, and gave no answer.",
    "timeout": "The answer took too long and was given up. Ask again.",
}


def message_data(message: Message) -> dict[str, Any]:
    """Return a message as JSON takes it. Select `agent_version` with the messages of a list.

    `citations` is a list of {"number", "document", "filename", "chunk", "page", "quote"};
    `agent_version` is the version's number, null for a user's message.
    """
    return {
        "id": str(message.pk),
        "role": message.role,
        "content": message.content,
        "status": message.status,
        "finish_reason": message.finish_reason,
        "tokens_used": message.tokens_used,
        "citations": message.citations,
        "agent_version": message.agent_version.number if message.agent_version else None,
        "reply_to": str(message.reply_to_id) if message.reply_to_id else None,
        "created_at": message.created_at.isoformat().replace("+00:00", "Z"),
    }


def reply_data(reply: Message) -> dict[str, Any]:
    """Return a final reply as JSON; one that failed says why in `error`, a sentence."""
    data = message_data(reply)
    if reply.status in (Message.Status.FAILED, Message.Status.INTERRUPTED):
        data["error"] = EXPLANATIONS.get(reply.finish_reason, EXPLANATIONS["error"])
    return data
