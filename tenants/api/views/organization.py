from typing import Any

from rest_framework import mixins

from tenants.api.serializers.organization import OrganizationSerializer
from tenants.api.viewsets import ChangeMixin, OrganizationViewSet
from tenants.models import Organization
from tenants.permissions import Permissions


class OrganizationView(ChangeMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """The caller's organization: its details and its quotas."""

    queryset = Organization.objects.select_related("usage")
    serializer_class = OrganizationSerializer
    required_permissions = {
        "retrieve": Permissions.ORGANIZATION_VIEW,
        "partial_update": Permissions.ORGANIZATION_CHANGE,
    }

    def get_object(self) -> Any:
        return self.get_queryset().get()
