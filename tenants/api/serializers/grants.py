"""Who can see a row and why, and the grants that are given of it."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from tenants.api.fields import ReferenceField
from tenants.api.serializers.access import RoleNameSerializer
from tenants.grants import (
    ACTIONS,
    BY_GRANT,
    BY_MANAGING,
    BY_MEMBERSHIP,
    BY_ROLE,
    BY_ROLE_GRANT,
)
from tenants.models import Role, User
from tenants.models.grant import UserGrant


class PersonSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ["id", "username", "full_name"]


class GrantSerializer(serializers.Serializer):
    """A grant: to a user, or to all who have a role."""

    id = serializers.UUIDField(read_only=True)
    user = serializers.SerializerMethodField()
    role = serializers.SerializerMethodField()
    action = serializers.ChoiceField(choices=ACTIONS, read_only=True)
    created_at = serializers.DateTimeField(read_only=True)

    @extend_schema_field(PersonSerializer(allow_null=True))
    def get_user(self, granted: Any) -> dict[str, Any] | None:
        is_to_user = isinstance(granted, UserGrant)
        return PersonSerializer(granted.user).data if is_to_user else None

    @extend_schema_field(RoleNameSerializer(allow_null=True))
    def get_role(self, granted: Any) -> dict[str, Any] | None:
        is_to_user = isinstance(granted, UserGrant)
        return None if is_to_user else RoleNameSerializer(granted.group).data


class NewGrantSerializer(serializers.Serializer):
    """What may be done, and who may do it: a user or a role. To use or to change is to see, too."""

    user = ReferenceField(queryset=User.objects.all(), required=False)
    role = ReferenceField(queryset=Role.objects.all(), required=False)
    action = serializers.ChoiceField(choices=ACTIONS)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("user" in attrs) == ("role" in attrs):
            raise serializers.ValidationError("Name a user or a role, and not both.")
        return {"action": attrs["action"], "to": attrs.get("user") or attrs["role"]}


class ReasonSerializer(serializers.Serializer):
    """`detail` names the role, the project, or the action that is granted."""

    kind = serializers.ChoiceField(
        choices=[BY_ROLE, BY_MEMBERSHIP, BY_MANAGING, BY_GRANT, BY_ROLE_GRANT]
    )
    detail = serializers.CharField()
    grant = serializers.UUIDField(allow_null=True, help_text="The grant that is the reason.")


class AccessSerializer(serializers.Serializer):
    """Somebody who can see it, what they may do with it, and why."""

    user = serializers.SerializerMethodField()
    actions = serializers.SerializerMethodField()
    reasons = serializers.SerializerMethodField()

    @extend_schema_field(PersonSerializer)
    def get_user(self, user: User) -> dict[str, Any]:
        return PersonSerializer(user).data

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=ACTIONS)))
    def get_actions(self, user: User) -> list[str]:
        return self.context["access"].actions(user.pk)

    @extend_schema_field(ReasonSerializer(many=True))
    def get_reasons(self, user: User) -> Any:
        return ReasonSerializer(self.context["access"].reasons(user.pk), many=True).data
