from typing import Any

from rest_framework import mixins

from tenants.api.serializers.organization import OrganizationSerializer, StaffAccessSerializer
from tenants.api.viewsets import ChangeMixin, OrganizationViewSet
from tenants.models import Organization, StaffAccess
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


class StaffAccessView(mixins.ListModelMixin, OrganizationViewSet):
    """When platform staff acted for the organization, and why."""

    queryset = StaffAccess.objects.all()
    serializer_class = StaffAccessSerializer
    required_permissions = {"list": Permissions.ORGANIZATION_VIEW}
