from typing import Any

from django.http import Http404
from rest_framework import mixins, status
from rest_framework.response import Response

from tenants import services
from tenants.api.serializers.projects import ProjectMemberSerializer, ProjectSerializer
from tenants.api.viewsets import (
    ChangeMixin,
    ListMixin,
    NestedMixin,
    OrganizationViewSet,
    RestoreMixin,
    SoftDeleteMixin,
)
from tenants.models import Project, ProjectMember
from tenants.permissions import Permissions


class ProjectViewSet(
    ListMixin, mixins.CreateModelMixin, ChangeMixin, RestoreMixin, OrganizationViewSet
):
    """Projects: those that the caller has joined, or all for those who may see all."""

    queryset = Project.objects.select_related("manager")
    serializer_class = ProjectSerializer
    required_permissions = {
        "list": Permissions.PROJECTS_VIEW,
        "retrieve": Permissions.PROJECTS_VIEW,
        "create": Permissions.PROJECTS_ADD,
        "partial_update": Permissions.PROJECTS_CHANGE,
        "destroy": Permissions.PROJECTS_DELETE,
        "restore": Permissions.PROJECTS_DELETE,
    }

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = services.create_project(
            organization_id=self.organization_id, by=self.member, **serializer.validated_data
        )


class ProjectMemberViewSet(NestedMixin, ListMixin, SoftDeleteMixin, OrganizationViewSet):
    """Who is in a project, found by the id of the user."""

    queryset = ProjectMember.objects.select_related("user")
    serializer_class = ProjectMemberSerializer
    lookup_field = "user_id"
    parents = Project.objects.all()
    parent_kwarg = "project_pk"
    required_permissions = {
        "list": Permissions.PROJECTS_VIEW,
        "retrieve": Permissions.PROJECTS_VIEW,
        "create": Permissions.PROJECTS_CHANGE,
        "destroy": Permissions.PROJECTS_CHANGE,
    }

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(project=self.parent)

    def create(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Let somebody into the project: 201, or 200 when they are in it already."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        serializer.instance, is_new = services.add_member(
            project=self.parent, user=serializer.validated_data["user"]
        )
        answer = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(serializer.data, status=answer)

    def perform_destroy(self, instance: ProjectMember) -> None:
        if not services.remove_member(project=self.parent, user=instance.user):
            raise Http404
