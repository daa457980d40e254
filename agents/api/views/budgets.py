from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.response import Response

from agents.accounting.budgets import with_state
from agents.accounting.sums import usage_sums
from agents.api import problems  # noqa: F401 (registers)
from agents.api.budgets import BudgetSerializer, UsageQuerySerializer, UsageSerializer
from agents.models import Budget, UsageRecord
from tenants.api.problems import unique
from tenants.api.viewsets import ChangeMixin, ListMixin, OrganizationViewSet, RestoreMixin
from tenants.permissions import Permissions


class BudgetViewSet(
    ListMixin, mixins.CreateModelMixin, ChangeMixin, RestoreMixin, OrganizationViewSet
):
    """What may be used of models, and what is used of it."""

    queryset = Budget.objects.all()
    serializer_class = BudgetSerializer
    required_permissions = {
        "list": Permissions.BUDGETS_VIEW,
        "retrieve": Permissions.BUDGETS_VIEW,
        "create": Permissions.BUDGETS_ADD,
        "partial_update": Permissions.BUDGETS_CHANGE,
        "destroy": Permissions.BUDGETS_DELETE,
        "restore": Permissions.BUDGETS_DELETE,
    }

    def paginate_queryset(self, queryset: Any) -> Any:
        return with_state(super().paginate_queryset(queryset) or [])

    def perform_create(self, serializer: Any) -> None:
        with unique(agents_budget_once="period"):
            self.save(serializer)


class UsageViewSet(OrganizationViewSet):
    """What the organization's calls of models used and cost."""

    queryset = UsageRecord.objects.all()
    serializer_class = UsageSerializer
    pagination_class = None
    required_permissions = {"list": Permissions.USAGE_VIEW}

    @extend_schema(parameters=[UsageQuerySerializer], responses=UsageSerializer)
    def list(self, request: Any) -> Response:
        """Sums by day, model, agent, user or project, in their order."""
        asked = UsageQuerySerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        sums = usage_sums(by=self.member, **asked.validated_data)
        return Response(UsageSerializer({**asked.validated_data, "results": sums}).data)
