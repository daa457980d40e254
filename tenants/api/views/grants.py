"""Who can see a document, an agent or a project, and the grants given of it."""

from typing import Any

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.response import Response

from common.api.pagination import CursorPagination
from tenants import sharing
from tenants.api.serializers.grants import AccessSerializer, GrantSerializer, NewGrantSerializer
from tenants.api.viewsets import NestedMixin
from tenants.models import Project, User
from tenants.permissions import Permissions


class AccessPagination(CursorPagination):
    """People by pages; beside them, on each page, all grants."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page = super().get_paginated_response_schema(schema)
        grants = {"type": "array", "items": {"$ref": "#/components/schemas/Grant"}}
        return page | {
            "required": [*page["required"], "grants"],
            "properties": page["properties"] | {"grants": grants},
        }


@extend_schema_view(
    create=extend_schema(request=NewGrantSerializer, responses={201: GrantSerializer})
)
class GrantViewSet(NestedMixin):
    """Who can see something and why, with the grants given of it; for those who may change it."""

    queryset = User.objects.all()
    pagination_class = AccessPagination

    def get_serializer_class(self) -> Any:
        return NewGrantSerializer if self.action == "create" else AccessSerializer

    def list(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        access = sharing.Access(self.parent)
        people = self.get_queryset().filter(pk__in=access.viewers())
        page = self.paginate_queryset(people)
        context = {**self.get_serializer_context(), "access": access}
        answer = self.get_paginated_response(
            AccessSerializer(page, many=True, context=context).data
        )
        answer.data["grants"] = GrantSerializer(access.granted, many=True).data
        return answer

    def create(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Let somebody do something with it: 201, or 200 when that is granted already."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        granted, is_new = sharing.grant(
            row=self.parent, by=self.member, **serializer.validated_data
        )
        answer = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return self.shown(GrantSerializer(granted), answer)

    def destroy(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Take a grant back."""
        given = {str(granted.pk): granted for granted in sharing.grants_on(self.parent)}
        if kwargs["pk"] not in given:
            raise Http404
        sharing.revoke(granted=given[kwargs["pk"]], by=self.member)
        return Response(status=status.HTTP_204_NO_CONTENT)


def grants_of(kwarg: str) -> Any:
    """Say in the schema what the parent's id in the path is."""
    parent = OpenApiParameter(kwarg, OpenApiTypes.UUID, OpenApiParameter.PATH)
    return extend_schema(parameters=[parent])


def for_those_who(permission: Permissions) -> dict[str, Any]:
    """The permission that every action asks for."""
    return dict.fromkeys(("list", "create", "destroy"), permission)


@grants_of("project_pk")
class ProjectGrantViewSet(GrantViewSet):
    parents = Project.objects.all()
    parent_kwarg = "project_pk"
    required_permissions = for_those_who(Permissions.PROJECTS_CHANGE)
