from rest_framework import serializers

from tenants.models import AuditEntry


class AuditEntrySerializer(serializers.ModelSerializer):
    """Who did what to which row: `before` and `after` hold the columns that changed."""

    class Meta:
        model = AuditEntry
        fields = [
            "id",
            "created_at",
            "action",
            "object_type",
            "object_id",
            "object_name",
            "before",
            "after",
            "actor_id",
            "actor_name",
            "acting_as",
            "way",
            "address",
        ]
        read_only_fields = fields
