"""What an agent's settings may be, and the templates that they begin with."""

import pytest
from django.core.exceptions import ValidationError

from agents import tools
from agents.agent_templates import TEMPLATES
from agents.baker_recipes import agent_recipe
from agents.models import ModelProvider
from agents.models.agent import AgentType
from agents.publishing import publish_agent
from agents.validation import faults_of, settings_of, warnings_of
from tenants.context import acting_for

SOUND = {
    "agent_type": "doc",
    "system_prompt": "Answer.",
    "model_name": "extractive",
    "fallback_model": "",
    "temperature": 0.7,
    "max_tokens": 4096,
    "tools": ["search_knowledge", "calculate"],
    "metadata": {},
}
HOUSE_MODEL = {"name": "house-7", "context_window": 16000, "max_output": 2000}


def at_fault(organization_id=None, **changes):
    return faults_of(SOUND | changes, organization_id).keys()


@pytest.mark.parametrize(
    ("field", "wrong", "right"),
    [
        ("agent_type", "poet", "hr"),
        ("system_prompt", " \n", " a"),
        ("system_prompt", None, "Be brief."),
        ("system_prompt", "x" * 50_001, "x" * 50_000),
        ("temperature", float("nan"), 0),
        ("temperature", 2.01, 2),
        ("temperature", True, 1),
        ("max_tokens", 0, 1),
        ("tools", ["search_knowledge", "rm"], ["current_time"]),
        ("tools", ["calculate", "calculate"], []),
        ("tools", [1], ["read_document"]),
        ("metadata", [], {"a": [1]}),
        ("model_name", "nobody-knows", "gpt-5"),
        ("model_name", "gpt-5/../files", "openai/gpt-5"),
        ("model_name", "", "ollama/llama3"),
        ("fallback_model", "nobody-knows", "claude-opus-4"),
        ("fallback_model", "extractive", ""),
    ],
)
def test_each_setting_is_checked(field, wrong, right):
    assert at_fault(**{field: wrong}) == {field}
    assert not at_fault(**{field: right})


def test_what_is_not_given_is_not_checked():
    assert not faults_of({"temperature": 1}, None)


def test_an_organizations_provider_makes_a_model_known_and_limits_its_answers(acme, globex):
    with acting_for(acme):
        own = ModelProvider.objects.create(name="Ours", kind="openai", models=[HOUSE_MODEL])
        assert not at_fault(acme.pk, model_name="house-7", max_tokens=2000)
        assert at_fault(acme.pk, model_name="house-7", max_tokens=2001) == {"max_tokens"}
        assert at_fault(acme.pk, fallback_model="house-7", max_tokens=2001) == {"max_tokens"}
        own.is_active = False
        own.save()
        assert at_fault(acme.pk, model_name="house-7", max_tokens=2000) == {"model_name"}
    with acting_for(globex):
        assert at_fault(globex.pk, model_name="house-7", max_tokens=2000) == {"model_name"}


def test_a_missing_key_is_a_warning_and_no_fault(acme, settings):
    settings.GEMINI_API_KEY = ""
    with acting_for(acme):
        agent = agent_recipe.make(model_name="gemini-2.5-pro", fallback_model="extractive")
        assert not faults_of(settings_of(agent), acme.pk)
        (warning,) = warnings_of(agent)
        assert warning["field"] == "model_name"
        assert "GEMINI_API_KEY" in warning["detail"]
        settings.GEMINI_API_KEY = "key"
        assert warnings_of(agent) == []


def test_a_draft_that_no_agent_can_be_is_not_published(acme, people):
    with acting_for(acme):
        agent = agent_recipe.make(tools=["gone"])
        with pytest.raises(ValidationError) as refusal:
            publish_agent(agent=agent, by=people["acme-owner"])
        assert refusal.value.message_dict.keys() == {"tools"}
        agent.tools = ["calculate"]
        agent.save()
        assert publish_agent(agent=agent, by=people["acme-owner"]).number == 1


@pytest.mark.parametrize("agent_type", AgentType.values)
def test_each_type_has_a_template_that_is_sound(agent_type):
    template = TEMPLATES[agent_type]
    assert not faults_of(SOUND | template.settings(), None)
    assert template.tools[0] == "search_knowledge"
    assert set(template.tools) <= set(tools.names())
    prompt = template.system_prompt
    assert 1000 < len(prompt) < 4000
    for part in ("When the documents do not say", "Tone", "How to"):
        assert part in prompt
    assert all(f"`{name}`" not in prompt or name in template.tools for name in tools.names())


def test_there_is_a_template_for_nothing_else():
    assert TEMPLATES.keys() == set(AgentType.values)
