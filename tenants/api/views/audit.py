from tenants.api.serializers.audit import AuditEntrySerializer
from tenants.api.viewsets import ListMixin, OrganizationViewSet
from tenants.models import AuditEntry
from tenants.permissions import Permissions


class AuditEntryViewSet(ListMixin, OrganizationViewSet):
    """The organization's audit trail, newest first."""

    queryset = AuditEntry.objects.all()
    serializer_class = AuditEntrySerializer
    required_permissions = {"list": Permissions.AUDIT_VIEW, "retrieve": Permissions.AUDIT_VIEW}
