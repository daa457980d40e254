"""The base of every endpoint that serves an organization's rows."""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from common.api.caching import NotStored
from tenants import deletion
from tenants.api import problems  # noqa: F401 (registers)
from tenants.api.permissions import HoldsPermission, Required
from tenants.belongings import parents_of
from tenants.context import acting_for
from tenants.models import User
from tenants.responses import Continued


class OrganizationViewSet(NotStored, GenericViewSet):
    """Rows of the caller's organization, each action with the permission that it asks for.

    A row that the caller may not see is not found, before anything that they sent is read.
    """

    permission_classes = [HoldsPermission]
    required_permissions: dict[str, Required] = {}
    http_method_names = ["get", "post", "patch", "delete", "head"]

    @property
    def member(self) -> User:
        """The caller, of whose organization `HoldsPermission` has made sure."""
        return cast(User, self.request.user)

    @property
    def organization_id(self) -> UUID:
        return cast(UUID, self.member.organization_id)

    def get_queryset(self) -> Any:
        """Only what the caller may see, where the model says what that is."""
        rows = self.rows()
        return rows.visible_to(self.member) if hasattr(rows, "visible_to") else rows

    def rows(self) -> Any:
        """What there is, before it is asked who may see it."""
        return super().get_queryset()

    def save(self, serializer: Any) -> None:
        """Save a row that is living, into what is living: neither is deleted meanwhile."""
        for field in parents_of(serializer.Meta.model):
            if parent := serializer.validated_data.get(field.name):
                deletion.hold(parent, field=field.name)
        if serializer.instance:
            deletion.hold_to_change(serializer.instance)
        serializer.save()

    def shown(self, serializer: Any, status: int) -> Response:
        """Answer with what another serializer shows than the one that read the request.

        Without the serializer itself: the browsable page would make its form of that one.
        """
        return Response({**serializer.data}, status=status)

    def continued(self, wait: Callable[[], Any], answer: Callable[[Any], Response]) -> Continued:
        """Wait once the view's transaction has ended, then answer in a short one of its own."""

        def finish() -> HttpResponseBase:
            try:
                waited, error = wait(), None
            except Exception as found:  # noqa: BLE001 (handled below, as the view's own would be)
                waited, error = None, found
            with acting_for(self.organization_id, read_only=True):
                return self._finish(lambda: answer(waited), error)

        return Continued(finish)

    def _finish(self, answer: Callable[[], Response], error: Exception | None) -> HttpResponseBase:
        try:
            response = self.handle_exception(error) if error else answer()
        except Exception as found:  # noqa: BLE001 (what the handler does not know is raised again)
            response = self.handle_exception(found)
        return self.finalize_response(self.request, response).render()


class ListMixin(mixins.ListModelMixin, mixins.RetrieveModelMixin):
    """Lists, and single rows."""


class NestedMixin(OrganizationViewSet):
    """Rows of a parent, which the caller must see before anything else is looked at, and for which
    they must hold what the action asks, where it can be granted.

    `parents` is its queryset, `parent_kwarg` its id in the path, `self.parent` the row.
    """

    parents: Any
    parent_kwarg: str

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        parents = self.parents.visible_to(self.member)
        self.parent = get_object_or_404(parents, pk=kwargs[self.parent_kwarg])
        self.check_object_permissions(request, self.parent)


class SoftDeleteMixin(OrganizationViewSet):
    """DELETE is soft: what belongs to the row goes with it, and can come back with it."""

    def destroy(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        self.perform_destroy(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def perform_destroy(self, instance: Any) -> None:
        deletion.delete(instance)


class RestoreMixin(SoftDeleteMixin):
    """What was deleted can be brought back by those who may delete it and could see it."""

    def rows(self) -> Any:
        rows = super().rows()
        return rows.model.all_objects.deleted() if self.action == "restore" else rows

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def restore(self, request: Any, **kwargs: Any) -> Response:
        """Bring back what was deleted, with all that went with it."""
        try:
            deletion.restore(self.get_object())
        except ObjectDoesNotExist:  # purged at this moment
            raise Http404
        self.action = "retrieve"
        return Response(self.get_serializer(self.get_object()).data)


class ChangeMixin(OrganizationViewSet):
    """PATCH answers with the row as it is now."""

    def partial_update(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(self.get_object(), data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        self.perform_update(serializer)
        return Response(serializer.data)

    def perform_update(self, serializer: Any) -> None:
        self.save(serializer)
