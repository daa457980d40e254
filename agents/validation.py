"""What an agent's settings must be: asked by the API, the admin and whatever publishes.

PostgreSQL holds what needs no look at anything else (`AgentSettings.Meta.constraints`). What may
change under an agent, such as the tools and models that there are, is looked at here alone, so that
an agent of another day can still be loaded, shown and switched off.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from agents import tools
from agents.models import AgentConfig, ModelProvider
from agents.models.agent import AgentSettings, AgentType
from agents.providers import FAMILIES, ModelUnavailable, is_known, provider_of

MAX_TOOLS = 100
MAX_PROMPT_CHARACTERS = 50_000
SETTINGS = tuple(field.name for field in AgentSettings._meta.fields)

Faults = dict[str, list[str]]


def settings_of(agent: Any) -> dict[str, Any]:
    """The settings of a draft or of a version, by name."""
    return {name: getattr(agent, name) for name in SETTINGS}


def check_settings(values: Mapping[str, Any], organization_id: UUID | None) -> None:
    """Raise ValidationError, by field, for what an agent of the organization cannot be."""
    if faults := faults_of(values, organization_id):
        raise ValidationError(dict(faults))


def faults_of(values: Mapping[str, Any], organization_id: UUID | None) -> Faults:
    """What is wrong, by field; of those fields alone that are given."""
    checks = {
        "agent_type": _type_faults,
        "system_prompt": _prompt_faults,
        "temperature": _temperature_faults,
        "tools": _tool_faults,
        "metadata": _metadata_faults,
    }
    found = {name: list(check(values[name])) for name, check in checks.items() if name in values}
    found |= _model_faults(values, _offered_by(organization_id))
    return {name: messages for name, messages in found.items() if messages}


def warnings_of(agent: AgentConfig) -> list[dict[str, str]]:
    """What keeps a draft from answering for now: {"field", "detail"} of each. Ask inside
    `acting_for`; a key may come later, so this refuses nothing."""
    found = []
    for field in ("model_name", "fallback_model"):
        try:
            if name := getattr(agent, field):
                provider_of(name)
        except ModelUnavailable as error:
            found.append({"field": field, "detail": error.detail})
    return found


def _type_faults(value: Any) -> Iterator[str]:
    if value not in AgentType.values:
        yield f"Choose one of {', '.join(AgentType.values)}."


def _prompt_faults(value: Any) -> Iterator[str]:
    if not (isinstance(value, str) and value.strip()):
        yield "An agent needs a prompt."
    elif len(value) > MAX_PROMPT_CHARACTERS:
        yield f"A prompt has at most {MAX_PROMPT_CHARACTERS:,} characters."


def _temperature_faults(value: Any) -> Iterator[str]:
    if not (_is_number(value) and isfinite(value) and 0 <= value <= 2):
        yield "This must be a number from 0 to 2."


def _tool_faults(value: Any) -> Iterator[str]:
    if not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        yield 'Write a list of the names of tools, such as ["search_knowledge"].'
        return
    if unknown := [name for name in value if name not in tools.names()]:
        known = ", ".join(tools.names())
        yield f"There is no tool {', '.join(unknown[:5])}. Those that there are: {known}."
    if len(set(value)) < len(value) or len(value) > MAX_TOOLS:
        yield "Name each tool once."


def _metadata_faults(value: Any) -> Iterator[str]:
    if not isinstance(value, dict):
        yield "This must be a JSON object."


def _model_faults(values: Mapping[str, Any], offered: Mapping[str, dict[str, Any]]) -> Faults:
    found: Faults = {}
    names = {name: values.get(name) or "" for name in ("model_name", "fallback_model")}
    for field, name in names.items():
        if field in values and (name or field == "model_name") and not is_known(name, offered):
            found[field] = [f"No provider is known for the model {name}. {_known(offered)}"]
    if names["fallback_model"] and names["fallback_model"] == names["model_name"]:
        found.setdefault("fallback_model", []).append("This is the model that it would stand for.")
    if "max_tokens" in values:
        models = [offered[name] for name in names.values() if name in offered]
        found["max_tokens"] = list(_length_faults(values["max_tokens"], models))
    return found


def _length_faults(value: Any, models: Iterable[dict[str, Any]]) -> Iterator[str]:
    if not (_is_number(value) and value >= 1):
        yield "This must be a whole number above 0."
        return
    for model in models:
        most = min(filter(None, (model.get("max_output"), model.get("context_window"))), default=0)
        if most and value > most:
            yield f"The model {model['name']} gives at most {most:,} tokens."


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _offered_by(organization_id: UUID | None) -> dict[str, dict[str, Any]]:
    """The models that the organization's providers list, by name; the first provider counts."""
    if organization_id is None:
        return {}
    providers = ModelProvider.objects.filter(organization_id=organization_id, is_active=True)
    found: dict[str, dict[str, Any]] = {}
    for listed in providers.order_by("id").values_list("models", flat=True):
        for model in listed:
            if isinstance(model, dict) and isinstance(model.get("name"), str):
                found.setdefault(model["name"], model)
    return found


def _known(offered: Mapping[str, Any]) -> str:
    beginnings = [prefix for family in FAMILIES.values() for prefix in family.prefixes]
    own = f", or it is one of {', '.join(sorted(offered)[:10])}" if offered else ""
    return f"A name begins with {', '.join(beginnings)}{own}."
