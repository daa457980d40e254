"""Prices of models as a setting says them."""

from decimal import Decimal
from typing import Any

from django.core.exceptions import ImproperlyConfigured


def model_prices(env: Any, variable: str) -> dict[str, dict[str, Any]]:
    """Read {"gpt-5": {"input": "1.25", "cached": "0.125", "output": "10", "currency": "USD"}}.

    Prices are of a million tokens, exact. Raises ImproperlyConfigured.
    """
    try:
        found = env.json(variable, default={})
        return {model: _price(**price) for model, price in found.items()}
    except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
        raise ImproperlyConfigured(
            f'{variable} must be such as {{"gpt-5": {{"input": "1.25", "output": "10"}}}}.'
        ) from error


def _price(
    input: Any,  # noqa: A002 (as the setting calls it)
    output: Any,
    cached: Any = None,
    currency: str = "USD",
) -> dict[str, Any]:
    parts = {"input": input, "cached": cached, "output": output}
    found = {part: Decimal(str(price)) for part, price in parts.items() if price is not None}
    if not all(price.is_finite() and price >= 0 for price in found.values()):
        raise ValueError("A price is a number from 0 on.")
    return {**found, "currency": str(currency)}
