"""Which provider a `model_name` means, and whether it can be used here."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from django.conf import settings

from agents.providers import extractive
from agents.providers.access import BASE_URLS, Access, Kind
from agents.providers.errors import ModelUnavailable, ProviderError
from agents.providers.fallback import Candidate
from agents.providers.own import own_access, own_window
from agents.providers.protocol import AnswerEvent, Provider, Request

__all__ = ["ModelUnavailable", "ProviderError", "candidates_for", "provider_of", "window_of"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]*(/[A-Za-z0-9][A-Za-z0-9._:@+-]*)*")


@dataclass(frozen=True)
class Family:
    """Models whose names begin alike, and what they are called with: a provider, or a protocol.

    `setting` is the environment variable that they need, `base_url` the one that may name a server,
    `cut` what the provider itself does not begin their names with.
    """

    prefixes: tuple[str, ...]
    setting: str = ""
    provider: Provider | None = None
    kind: Kind | None = None
    base_url: str = ""
    cut: str = ""

    def access(self) -> Access:
        """The platform's own, which may lead anywhere."""
        assert self.kind
        value = getattr(settings, self.setting)
        if self.setting == "OLLAMA_HOST":
            address = value if "://" in value else f"http://{value}"
            return Access(self.kind, f"{address.rstrip('/')}/v1", api_key="ollama")
        base_url = getattr(settings, self.base_url) or BASE_URLS[self.kind]
        return Access(self.kind, base_url, api_key=value)

    def is_usable(self) -> bool:
        return not self.setting or bool(getattr(settings, self.setting))


_OPENAI: dict[str, Any] = {
    "setting": "OPENAI_API_KEY",
    "kind": Kind.OPENAI,
    "base_url": "OPENAI_BASE_URL",
}
FAMILIES = {
    "extractive": Family(("extractive",), provider=extractive.answer),
    "gemini": Family(("gemini-",), "GEMINI_API_KEY", kind=Kind.GEMINI, base_url="GEMINI_BASE_URL"),
    "openai": Family(("gpt-", "chatgpt-", "o1", "o3", "o4"), **_OPENAI),
    "openai/": Family(("openai/",), cut="openai/", **_OPENAI),
    "anthropic": Family(
        ("claude-",), "ANTHROPIC_API_KEY", kind=Kind.ANTHROPIC, base_url="ANTHROPIC_BASE_URL"
    ),
    "ollama": Family(("ollama/",), "OLLAMA_HOST", kind=Kind.OPENAI, cut="ollama/"),
}


def provider_of(model_name: str) -> Provider:
    """Return the provider of a model, or raise ModelUnavailable with what to do about it.

    The organization's own come first. Ask inside `acting_for`.
    """
    family = family_of(model_name)
    if family and family.provider:
        return family.provider
    if is_name(model_name):
        # Ollama's models are nobody else's of its kind.
        kind = family.kind if family and family.base_url else None
        own, is_listed = own_access(model_name, kind)
        if own:
            cut = family.cut if family and not is_listed else ""
            return speaker(own, model_name.removeprefix(cut))
    if family is None or not is_name(model_name):
        raise ModelUnavailable("", f"No provider is known for the model {model_name}. {_usable()}")
    if not family.is_usable():
        raise ModelUnavailable(
            family.setting,
            f"This agent's model {model_name} needs {family.setting}, which is not set. "
            f"{_usable()}",
        )
    return speaker(family.access(), model_name.removeprefix(family.cut))


def candidates_for(settings_of_agent: Any) -> list[Candidate]:
    """Return the agent's model and its fallback, as far as they can be used: one at least, or
    ModelUnavailable is raised for the model."""
    names = [settings_of_agent.model_name, settings_of_agent.fallback_model]
    found, refusal = [], None
    for name in filter(None, names):
        try:
            found.append(Candidate(name, provider_of(name)))
        except ModelUnavailable as error:
            refusal = refusal or error
    if not found:
        assert refusal
        raise refusal
    return found


def window_of(settings_of_agent: Any) -> int:
    """How many tokens the agent's model takes, and its fallback: the smaller number. The setting's
    for those of which nothing is known. Ask inside `acting_for`."""
    names = filter(None, [settings_of_agent.model_name, settings_of_agent.fallback_model])
    return min(own_window(name) or settings.MODEL_CONTEXT_TOKENS for name in names)


def is_name(model_name: str) -> bool:
    """Whether a name can be sent: some protocols write it into a path."""
    return bool(_NAME.fullmatch(model_name))


def family_of(model_name: str) -> Family | None:
    return next((f for f in FAMILIES.values() if model_name.startswith(f.prefixes)), None)


def speaker(access: Access, name: str) -> Provider:
    """Return the provider that calls a model by the name that it has there."""

    async def answer(request: Request) -> AsyncGenerator[AnswerEvent, None]:
        # A provider's library takes a second to import, in each process that needs it.
        protocol: Any = await asyncio.to_thread(import_module, f"{__name__}.{access.kind}")
        called = replace(request, model_name=name)
        async with aclosing(protocol.answer(called, access=access)) as events:
            async for event in events:
                yield event

    return answer


def _usable() -> str:
    names = [name.rstrip("/") for name, family in FAMILIES.items() if family.is_usable()]
    return f"This installation can run {', '.join(dict.fromkeys(names))} only."
