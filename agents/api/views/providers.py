from typing import Any

from rest_framework import mixins

from agents.api.providers import ProviderSerializer
from agents.models import ModelProvider
from tenants.api.problems import unique
from tenants.api.viewsets import ChangeMixin, ListMixin, OrganizationViewSet, RestoreMixin
from tenants.permissions import Permissions


class ProviderViewSet(
    ListMixin, mixins.CreateModelMixin, ChangeMixin, RestoreMixin, OrganizationViewSet
):
    """The organization's own access to language models. A key goes in, and never comes out."""

    queryset = ModelProvider.objects.all()
    serializer_class = ProviderSerializer
    required_permissions = {
        "list": Permissions.PROVIDERS_VIEW,
        "retrieve": Permissions.PROVIDERS_VIEW,
        "create": Permissions.PROVIDERS_ADD,
        "partial_update": Permissions.PROVIDERS_CHANGE,
        "destroy": Permissions.PROVIDERS_DELETE,
        "restore": Permissions.PROVIDERS_DELETE,
    }

    def perform_create(self, serializer: Any) -> None:
        self._save(serializer)

    def perform_update(self, serializer: Any) -> None:
        self._save(serializer)

    def _save(self, serializer: Any) -> None:
        with unique(agents_modelprovider_name="name"):
            self.save(serializer)
