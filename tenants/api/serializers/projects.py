from rest_framework import serializers

from common.api.fields import FlagField
from tenants.api.fields import LivingField, ReferenceField
from tenants.models import Project, ProjectMember, User


class ProjectSerializer(serializers.ModelSerializer):
    manager = LivingField(queryset=User.objects.all(), allow_null=True, required=False)

    is_active = FlagField(default=True)

    class Meta:
        model = Project
        fields = [
            "id",
            "name",
            "description",
            "manager",
            "is_active",
            "member_count",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["member_count"]


class ProjectMemberSerializer(serializers.ModelSerializer):
    """Somebody in a project, named by the id of the user."""

    user = ReferenceField(queryset=User.objects.all())
    username = serializers.CharField(source="user.username", read_only=True)
    full_name = serializers.CharField(source="user.full_name", read_only=True)

    class Meta:
        model = ProjectMember
        fields = ["user", "username", "full_name", "created_at"]
