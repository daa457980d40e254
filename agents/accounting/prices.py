"""What a model's tokens cost: by the organization's own provider, or the platform's setting."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings

from agents.providers import FAMILIES, family_of, own_kind
from agents.providers.own import own_provider
from agents.providers.protocol import Usage

MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """Of a million tokens. One that is not known in whole is not known: `total` is None then.

    Input that the provider had read before costs as all other input where no price of it is named.
    """

    input: Decimal | None = None
    cached: Decimal | None = None
    output: Decimal | None = None
    currency: str = ""

    def total(self, usage: Usage) -> Decimal | None:
        """What so many tokens cost, exactly."""
        if self.input is None or self.output is None:
            return None
        of_cached = self.input if self.cached is None else self.cached
        cached = min(usage.cached_tokens, usage.input_tokens)
        parts = (usage.input_tokens - cached) * self.input + cached * of_cached
        return (parts + usage.output_tokens * self.output) / MILLION


UNKNOWN = Price()
FREE = Price(Decimal(0), Decimal(0), Decimal(0))


@dataclass(frozen=True)
class Model:
    """A model as calls of it are recorded: by whom it is served, and its price."""

    name: str
    provider: str
    price: Price

    @property
    def is_free(self) -> bool:
        return self.price is FREE


def model_called(name: str) -> Model:
    """Return the model of that name as it would be called just now. Ask inside `acting_for`."""
    family = family_of(name)
    if family is FAMILIES["extractive"]:
        return Model(name, "extractive", FREE)
    if family is None or family.provider is None:
        own, _ = own_provider(name, own_kind(family))
        if own:
            listed = [m for m in own.models if isinstance(m, dict) and m.get("name") == name]
            return Model(name, own.kind, _listed(listed[0]) if listed else UNKNOWN)
    served_by = next((key for key, found in FAMILIES.items() if found is family), "")
    return Model(name, served_by.rstrip("/"), _of_platform(name))


def _listed(model: Mapping[str, Any]) -> Price:
    return _price({part: model.get(f"{part}_price") for part in _PARTS}, model.get("currency"))


def _of_platform(name: str) -> Price:
    found = settings.MODEL_PRICES.get(name)
    return _price(found, found.get("currency")) if found else UNKNOWN


_PARTS = ("input", "cached", "output")


def _price(parts: Mapping[str, Any], currency: Any) -> Price:
    known = {part: Decimal(parts[part]) for part in _PARTS if parts.get(part) is not None}
    return Price(**known, currency=currency or "USD")
