"""Model providers as the API reads and shows them. A key goes in, and never comes out."""

import re
from typing import Any

from rest_framework import serializers

from agents.models import ModelProvider
from agents.providers import is_name
from agents.providers.addresses import BaseURLRefused, check_base_url
from common.api.fields import FlagField

MAX_MODELS = 200
MAX_TOKENS = 1_000_000_000
_KEY = re.compile(r"[\x21-\x7e]*")
_CURRENCY = re.compile(r"[A-Z]{3}")
KEY_AGAIN = "Enter the key again: it was entered for another kind or base URL."


def checked_key(key: str) -> str:
    """Raise ValidationError for what no HTTP header takes."""
    if not _KEY.fullmatch(key):
        raise serializers.ValidationError("A key is letters, digits and signs without spaces.")
    return key


def is_key_missing(provider: ModelProvider, data: dict[str, Any]) -> bool:
    """Whether a change leads the stored key elsewhere: it was entrusted to one address alone."""
    moved = any(name in data and data[name] != getattr(provider, name) for name in _PLACE)
    return provider.has_key and moved and data.get("api_key") is None


_PLACE = ("kind", "base_url")


def _tokens(what: str) -> serializers.IntegerField:
    return serializers.IntegerField(
        min_value=1, max_value=MAX_TOKENS, allow_null=True, required=False, help_text=what
    )


def _price(what: str) -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=12,
        decimal_places=6,
        min_value=0,
        allow_null=True,
        required=False,
        help_text=f"Of a million {what} tokens.",
    )


class OfferedModelSerializer(serializers.Serializer):
    """A model of a provider, and what it takes and costs."""

    name = serializers.CharField(max_length=100, help_text="As agents and the provider call it.")
    context_window = _tokens("Tokens of a request and its answer together.")
    max_output = _tokens("Tokens of an answer.")
    input_price = _price("input")
    cached_price = _price("cached input")
    output_price = _price("output")
    currency = serializers.RegexField(_CURRENCY, max_length=3, default="USD")

    def validate_name(self, value: str) -> str:
        if not is_name(value):
            raise serializers.ValidationError("This can be no model's name.")
        return value


class ProviderSerializer(serializers.ModelSerializer):
    """An organization's own access to language models.

    Without models it serves all whose names begin as those of its kind do. The key stays with its
    kind and base URL: who changes one of these enters it again.
    """

    base_url = serializers.CharField(
        max_length=255, required=False, allow_blank=True, help_text="Without one, the company's."
    )
    api_key = serializers.CharField(
        max_length=500,
        write_only=True,
        required=False,
        allow_blank=True,
        trim_whitespace=True,
        help_text="Shown to nobody again. An empty one takes the stored one away.",
    )
    has_key = serializers.BooleanField(read_only=True)
    key_end = serializers.CharField(read_only=True, help_text="The last characters of a long key.")
    models = OfferedModelSerializer(many=True, required=False)
    is_active = FlagField(default=True)

    class Meta:
        model = ModelProvider
        fields = [
            "id",
            "name",
            "kind",
            "base_url",
            "api_key",
            "has_key",
            "key_end",
            "models",
            "is_active",
            "created_at",
            "updated_at",
        ]

    def validate_api_key(self, value: str) -> str:
        return checked_key(value)

    def validate_base_url(self, value: str) -> str:
        try:
            if value:
                check_base_url(value)
        except BaseURLRefused as error:
            raise serializers.ValidationError(str(error)) from error
        return value

    def validate_models(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(value) > MAX_MODELS:
            raise serializers.ValidationError(f"List at most {MAX_MODELS} models.")
        names = [model["name"] for model in value]
        if len(set(names)) < len(names):
            raise serializers.ValidationError("A model is listed twice.")
        return [as_json(model) for model in value]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance and is_key_missing(self.instance, attrs):
            raise serializers.ValidationError({"api_key": KEY_AGAIN})
        return attrs

    def create(self, validated_data: dict[str, Any]) -> ModelProvider:
        return self.update(ModelProvider(), validated_data)

    def update(self, instance: ModelProvider, validated_data: dict[str, Any]) -> ModelProvider:
        key = validated_data.pop("api_key", None)
        for name, value in validated_data.items():
            setattr(instance, name, value)
        if key is not None:
            instance.keep_key(key)
        instance.save()
        return instance


def as_json(model: dict[str, Any]) -> dict[str, Any]:
    """A model as it is stored: prices are exact, as texts."""
    return {
        name: str(value) if name.endswith("_price") and value is not None else value
        for name, value in model.items()
    }
