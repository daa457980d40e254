"""A person's own account: password, address, tokens."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from rest_framework import serializers

from tenants.models import AccessToken, User


class PasswordField(serializers.CharField):
    def __init__(self, **kwargs: Any):
        style = {"input_type": "password"}
        super().__init__(max_length=1000, trim_whitespace=False, style=style, **kwargs)


class PasswordChangeSerializer(serializers.Serializer):
    old = PasswordField()
    new = PasswordField()


class PasswordResetSerializer(serializers.Serializer):
    email = serializers.EmailField(max_length=255)


class LinkSerializer(serializers.Serializer):
    """The two parts of a link in a mail."""

    uid = serializers.CharField(max_length=100)
    token = serializers.CharField(max_length=100)


class ResetConfirmSerializer(LinkSerializer):
    password = PasswordField()


class TokenSerializer(serializers.ModelSerializer):
    """A token, without what it opens."""

    class Meta:
        model = AccessToken
        fields = ["id", "prefix", "name", "scopes", "created_at", "expires_at"]
        read_only_fields = fields


def refuse_weak(password: str, user: User, *, field: str) -> None:
    """Raise what the password validators say as errors of the field."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise serializers.ValidationError({field: error.messages})
