"""Which provider a `model_name` means, and whether it can be used here."""

from dataclasses import dataclass

from django.conf import settings

from agents.providers import extractive
from agents.providers.protocol import Provider


class ModelUnavailable(Exception):
    """A model cannot be used here. Carries the missing setting ("" for none) and a sentence."""

    def __init__(self, setting: str, detail: str):
        super().__init__(detail)
        self.setting = setting
        self.detail = detail


@dataclass(frozen=True)
class Family:
    """Models whose names begin alike. Without a provider, this release cannot speak to them.

    `setting` is the environment variable that they need, "" for none.
    """

    prefixes: tuple[str, ...]
    setting: str = ""
    provider: Provider | None = None


FAMILIES = {
    "extractive": Family(("extractive",), provider=extractive.answer),
    "gemini": Family(("gemini",), "GEMINI_API_KEY"),
    "openai": Family(("gpt-", "openai/"), "OPENAI_API_KEY"),
    "anthropic": Family(("claude-",), "ANTHROPIC_API_KEY"),
    "ollama": Family(("ollama/",), "OLLAMA_HOST"),
}


def provider_of(model_name: str) -> Provider:
    """Return the provider of a model, or raise ModelUnavailable with what to do about it."""
    family = next((f for f in FAMILIES.values() if model_name.startswith(f.prefixes)), None)
    if family is None:
        raise ModelUnavailable("", f"No provider is known for the model {model_name}. {_usable()}")
    if family.setting and not getattr(settings, family.setting, ""):
        raise ModelUnavailable(
            family.setting,
            f"This agent's model {model_name} needs {family.setting}, which is not set. "
            f"{_usable()}",
        )
    if family.provider is None:
        raise ModelUnavailable(
            "", f"This release cannot yet speak to the model {model_name}. {_usable()}"
        )
    return family.provider


def _usable() -> str:
    names = [name for name, family in FAMILIES.items() if family.provider]
    return f"This installation can run {', '.join(names)} only."
