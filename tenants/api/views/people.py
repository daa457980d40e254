"""People, roles and permissions, for those who may administer them."""

from collections.abc import Iterable
from typing import Any

from rest_framework import mixins
from rest_framework.exceptions import PermissionDenied

from common.api.problems import Problem
from tenants import delegation, services
from tenants.api.problems import unique
from tenants.api.serializers.people import (
    NewUserSerializer,
    PermissionSerializer,
    RoleSerializer,
    UserSerializer,
)
from tenants.api.viewsets import ChangeMixin, ListMixin, OrganizationViewSet, RestoreMixin
from tenants.models import Permission, Role, User
from tenants.ownership import keeping_an_owner
from tenants.permissions import Permissions


class UserViewSet(
    ListMixin, mixins.CreateModelMixin, ChangeMixin, RestoreMixin, OrganizationViewSet
):
    """The people of the organization."""

    queryset = User.objects.prefetch_related("roles")
    required_permissions = {
        "list": Permissions.USERS_VIEW,
        "retrieve": Permissions.USERS_VIEW,
        "create": Permissions.USERS_ADD,
        "partial_update": Permissions.USERS_CHANGE,
        "destroy": Permissions.USERS_DELETE,
        "restore": Permissions.USERS_DELETE,
    }

    def get_serializer_class(self) -> Any:
        return NewUserSerializer if self.action == "create" else UserSerializer

    def get_object(self) -> User:
        """A person to change holds no right that the caller lacks."""
        person = super().get_object()
        if self.action != "retrieve" and not delegation.may_administer(self.member, person):
            raise PermissionDenied("This person may do more than you may.")
        return person

    def perform_create(self, serializer: Any) -> None:
        _refuse_to_give(self.member, serializer.validated_data.get("roles", ()))
        with unique(tenants_user_email="email", tenants_user_username="username"):
            serializer.instance = services.create_user(
                organization=self.member.organization, **serializer.validated_data
            )

    def perform_update(self, serializer: Any) -> None:
        person, changes = serializer.instance, serializer.validated_data
        roles = changes.pop("roles", None)
        if person.pk == self.member.pk:
            _refuse_to_lock_out(roles is not None or changes.get("is_active") is False)
        _refuse_to_give(self.member, roles or ())
        with (
            keeping_an_owner(person.organization_id),
            unique(tenants_user_email="email", tenants_user_username="username"),
        ):
            self.save(serializer)
        if roles is not None:
            services.set_roles(user=person, roles=roles)
            serializer.instance = self.get_queryset().get(pk=person.pk)

    def perform_destroy(self, instance: User) -> None:
        _refuse_to_lock_out(instance.pk == self.member.pk)
        super().perform_destroy(instance)


class RoleViewSet(
    ListMixin, mixins.CreateModelMixin, ChangeMixin, RestoreMixin, OrganizationViewSet
):
    """Roles: the built-in ones, which nobody here changes, and the organization's own."""

    queryset = Role.objects.prefetch_related("permissions")
    serializer_class = RoleSerializer
    required_permissions = {
        "list": Permissions.ROLES_VIEW,
        "retrieve": Permissions.ROLES_VIEW,
        "create": Permissions.ROLES_ADD,
        "partial_update": Permissions.ROLES_CHANGE,
        "destroy": Permissions.ROLES_DELETE,
        "restore": Permissions.ROLES_DELETE,
    }

    def get_object(self) -> Role:
        role = super().get_object()
        if self.action == "retrieve":
            return role
        if role.is_built_in:
            raise PermissionDenied("Built-in roles belong to the platform.")
        if self.action == "restore":
            if not delegation.may_bring_back(self.member, role):
                raise _beyond("roles", f"{role.name}: permits more than you may yourself.")
        else:
            _refuse_to_give(self.member, [role])
        return role

    def perform_create(self, serializer: Any) -> None:
        permissions = serializer.validated_data.pop("permissions")
        self._refuse_to_permit(permissions)
        with unique(tenants_role_name="name"):
            self.save(serializer)
        services.set_permissions(role=serializer.instance, permissions=permissions)

    def perform_update(self, serializer: Any) -> None:
        permissions = serializer.validated_data.pop("permissions", None)
        self._refuse_to_permit(permissions or ())
        with unique(tenants_role_name="name"):
            self.save(serializer)
        if permissions is not None:
            services.set_permissions(role=serializer.instance, permissions=permissions)
            serializer.instance = self.get_queryset().get(pk=serializer.instance.pk)

    def _refuse_to_permit(self, permissions: Iterable[Permission]) -> None:
        missing = [p.name for p in permissions if not self.member.has_perm(p.name)]
        if missing:
            raise _beyond("permissions", f"You do not hold {', '.join(missing)} yourself.")


class PermissionViewSet(ListMixin, OrganizationViewSet):
    """Everything that a role can permit."""

    queryset = Permission.objects.all()
    serializer_class = PermissionSerializer
    required_permissions = {"list": Permissions.ROLES_VIEW, "retrieve": Permissions.ROLES_VIEW}


def _refuse_to_give(by: User, roles: Iterable[Role]) -> None:
    """Nobody gives a role, or changes one, that permits more than they may themselves."""
    asked = {role.pk: role.name for role in roles}
    if not asked:
        return
    giveable = delegation.roles_giveable_by(by).filter(pk__in=asked).values_list("pk", flat=True)
    if beyond := sorted(asked[pk] for pk in asked.keys() - set(giveable)):
        raise _beyond("roles", f"{', '.join(beyond)}: permits more than you may yourself.")


def _beyond(field: str, detail: str) -> Problem:
    return Problem(403, detail, errors=[{"field": field, "detail": detail}])


def _refuse_to_lock_out(is_oneself: bool) -> None:
    if is_oneself:
        raise Problem(409, "Somebody else must do this to you, so that you are not locked out.")
