"""Signing in, and who one is then."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from tenants.models import Organization, Role, User


class LoginSerializer(serializers.Serializer):
    login = serializers.CharField(max_length=255, help_text="An e-mail address or a username.")
    password = serializers.CharField(
        max_length=1000, trim_whitespace=False, style={"input_type": "password"}
    )


class IssuedTokenSerializer(serializers.Serializer):
    token = serializers.CharField(help_text="Send it as `Authorization: Bearer …`.")
    expires_at = serializers.DateTimeField()


class RoleNameSerializer(serializers.ModelSerializer):
    class Meta:
        model = Role
        fields = ["id", "name"]


class OrganizationNameSerializer(serializers.ModelSerializer):
    class Meta:
        model = Organization
        fields = ["id", "slug", "name"]


class MeSerializer(serializers.ModelSerializer):
    """The caller, with roles and what these permit. Platform staff have no organization."""

    organization = serializers.SerializerMethodField()
    roles = serializers.SerializerMethodField()
    permissions = serializers.SerializerMethodField()
    is_platform_staff = serializers.BooleanField(read_only=True)

    class Meta:
        model = User
        fields = [
            "id",
            "email",
            "username",
            "full_name",
            "is_platform_staff",
            "organization",
            "roles",
            "permissions",
        ]
        read_only_fields = fields

    @extend_schema_field(OrganizationNameSerializer(allow_null=True))
    def get_organization(self, user: User) -> dict[str, Any] | None:
        if user.is_platform_staff:
            return None
        return OrganizationNameSerializer(user.organization).data

    @extend_schema_field(RoleNameSerializer(many=True))
    def get_roles(self, user: User) -> list[dict[str, Any]]:
        if user.is_platform_staff:
            return []
        return list(RoleNameSerializer(user.roles, many=True).data)

    def get_permissions(self, user: User) -> list[str]:
        return sorted(user.get_all_permissions())
