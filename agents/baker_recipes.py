"""Rows for tests. Make them inside `acting_for`."""

from model_bakery.recipe import Recipe, foreign_key, seq

from agents.models import AgentConfig, AgentVersion, Conversation, Message

_settings = {
    "agent_type": "doc",
    "system_prompt": "Answer from the documents.",
    "model_name": "extractive",
}

agent_recipe = Recipe(AgentConfig, name=seq("Agent "), slug=seq("agent-"), **_settings)
version_recipe = Recipe(AgentVersion, agent=foreign_key(agent_recipe), number=1, **_settings)
conversation_recipe = Recipe(Conversation, agent=foreign_key(agent_recipe))
message_recipe = Recipe(
    Message, conversation=foreign_key(conversation_recipe), role="user", content="How many?"
)
