"""The base of every endpoint that serves an organization's rows."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.utils.cache import patch_cache_control
from rest_framework import mixins, status
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from tenants import deletion
from tenants.api import problems  # noqa: F401 (registers)
from tenants.api.permissions import HoldsPermission, Required
from tenants.context import acting_for
from tenants.responses import Continued

Waited = TypeVar("Waited")


class OrganizationViewSet(GenericViewSet):
    """Rows of the caller's organization, each action with the permission that it asks for.

    A row that the caller may not see is not found, before anything that they sent is read.
    """

    permission_classes = [HoldsPermission]
    required_permissions: dict[str, Required] = {}
    http_method_names = ["get", "post", "patch", "delete", "head"]

    def finalize_response(
        self, request: Any, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        response = super().finalize_response(request, response, *args, **kwargs)
        patch_cache_control(response, no_store=True, private=True)
        return response

    def continued(
        self, wait: Callable[[], Waited], answer: Callable[[Waited], Response]
    ) -> Continued:
        """Wait once the view's transaction has ended, then answer in a short one of its own."""

        def finish() -> HttpResponseBase:
            try:
                waited, error = wait(), None
            except Exception as found:  # noqa: BLE001 (handled below, as the view's own would be)
                waited, error = None, found
            with acting_for(self.request.user.organization_id, read_only=True):
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


class NestedMixin:
    """Rows of a parent, which the caller must see before anything else is looked at.

    `parents` is its queryset, `parent_kwarg` its id in the path, `self.parent` the row.
    """

    parents: QuerySet
    parent_kwarg: str

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        parents = self.parents.visible_to(request.user)
        self.parent = get_object_or_404(parents, pk=kwargs[self.parent_kwarg])


class SoftDeleteMixin:
    """DELETE is soft: what belongs to the row goes with it, and can come back with it."""

    def destroy(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        self.perform_destroy(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def perform_destroy(self, instance: Any) -> None:
        deletion.delete(instance)


class ChangeMixin:
    """PATCH answers with the row as it is now."""

    def partial_update(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(self.get_object(), data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        self.perform_update(serializer)
        return Response(serializer.data)

    def perform_update(self, serializer: Any) -> None:
        serializer.save()
