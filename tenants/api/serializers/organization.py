from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from tenants.models import Organization, StaffAccess


class QuotaSerializer(serializers.Serializer):
    used = serializers.IntegerField()
    limit = serializers.IntegerField()


class QuotasSerializer(serializers.Serializer):
    """What an organization uses of what it may use. Storage is in bytes."""

    users = QuotaSerializer()
    projects = QuotaSerializer()
    storage_bytes = QuotaSerializer()


class OrganizationSerializer(serializers.ModelSerializer):
    """The caller's organization. Its limits are platform staff's to change."""

    quotas = serializers.SerializerMethodField()

    class Meta:
        model = Organization
        fields = [
            "id",
            "name",
            "slug",
            "description",
            "email",
            "phone",
            "website",
            "quotas",
            "retention_days",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["slug", "retention_days"]

    @extend_schema_field(QuotasSerializer)
    def get_quotas(self, organization: Organization) -> dict[str, Any]:
        usage = organization.usage
        limits = {
            "users": organization.max_users,
            "projects": organization.max_projects,
            "storage_bytes": organization.max_storage_bytes,
        }
        return {
            name: {"used": getattr(usage, name), "limit": limit} for name, limit in limits.items()
        }

    def update(self, instance: Organization, validated_data: dict[str, Any]) -> Organization:
        """Write what has changed and no more: the application may not write the limits."""
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.save(update_fields=[*validated_data, "updated_at"])
        return instance


class StaffAccessSerializer(serializers.ModelSerializer):
    """That somebody of the platform staff acted for the organization: who, why, and how long."""

    class Meta:
        model = StaffAccess
        fields = [
            "id",
            "staff_name",
            "staff_email",
            "reason",
            "created_at",
            "expires_at",
            "ended_at",
        ]
        read_only_fields = fields
