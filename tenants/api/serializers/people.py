from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from rest_framework import serializers

from common.api.fields import FlagField
from tenants.api.fields import NameField, ReferenceField
from tenants.models import Permission, Role, User


class UserSerializer(serializers.ModelSerializer):
    """A person of the organization."""

    username = serializers.CharField(
        max_length=100,
        validators=[
            # An "@" would let one person's name be another's e-mail address when signing in.
            RegexValidator(r"^[\w.+-]+\Z", "Use letters, digits and the signs . + - _ only.")
        ],
    )
    is_active = FlagField(default=True)
    roles = ReferenceField(many=True, queryset=Role.objects.all(), required=False)

    class Meta:
        model = User
        fields = [
            "id",
            "email",
            "username",
            "full_name",
            "is_active",
            "is_email_verified",
            "roles",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["is_email_verified"]

    def validate_email(self, value: str) -> str:
        return value.lower()

    def update(self, instance: User, validated_data: dict[str, Any]) -> User:
        if validated_data.get("email", instance.email) != instance.email:
            instance.is_email_verified = False
        return super().update(instance, validated_data)


class NewUserSerializer(UserSerializer):
    """A person to be, with a first password."""

    password = serializers.CharField(
        max_length=1000,
        write_only=True,
        trim_whitespace=False,
        style={"input_type": "password"},
    )

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, "password"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        told = {name: attrs.get(name, "") for name in ("email", "username", "full_name")}
        try:
            validate_password(attrs["password"], User(**told))
        except ValidationError as error:
            raise serializers.ValidationError({"password": error.messages})
        return attrs


class RoleSerializer(serializers.ModelSerializer):
    """A role and the names of what it permits. Built-in ones are the platform's."""

    permissions = NameField(slug_field="name", many=True, queryset=Permission.objects.all())
    is_built_in = serializers.BooleanField(read_only=True)

    class Meta:
        model = Role
        fields = [
            "id",
            "name",
            "description",
            "permissions",
            "is_built_in",
            "created_at",
            "updated_at",
        ]


class PermissionSerializer(serializers.ModelSerializer):
    class Meta:
        model = Permission
        fields = ["id", "name", "description"]
