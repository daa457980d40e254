"""Which prices the environment may say, and which are refused."""

import json
from decimal import Decimal

import pytest
from django.core.exceptions import ImproperlyConfigured
from environ import Env

from config.prices import model_prices

VARIABLE = "PRICES_OF_THE_TEST"


@pytest.fixture
def prices(monkeypatch):
    def read(**price):
        monkeypatch.setenv(VARIABLE, json.dumps({"gpt-5": price}))
        return model_prices(Env(), VARIABLE)

    return read


@pytest.mark.parametrize("part", ["input", "cached", "output"])
@pytest.mark.parametrize("price", ["NaN", "sNaN", "Infinity", "-0.01", float("nan"), float("inf")])
def test_a_price_is_a_number_from_nothing_on(prices, part, price):
    with pytest.raises(ImproperlyConfigured, match=VARIABLE):
        prices(**{"input": 1, "output": 1, part: price})


def test_prices_are_exact(prices):
    assert prices(input="1.25", output=0) == {
        "gpt-5": {"input": Decimal("1.25"), "output": Decimal(0), "currency": "USD"}
    }
