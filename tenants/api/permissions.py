"""Which permission an action of the API asks for: what names none is refused."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission, IsAuthenticated

from tenants.permissions import Permissions

STAFF_REFUSED = "The API serves the members of an organization; platform staff use the admin."

Required = Permissions | tuple[Permissions, ...]


class HasAllRights(IsAuthenticated):
    """The caller speaks for the whole account: a token that scopes narrow does not."""

    def has_permission(self, request: Any, view: Any) -> bool:
        if not super().has_permission(request, view):
            return False
        if request.auth and request.auth["scopes"]:
            raise PermissionDenied("A token with scopes does not speak for the whole account.")
        return True


class IsMember(BasePermission):
    """The caller belongs to an organization."""

    def has_permission(self, request: Any, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        if request.user.is_platform_staff:
            raise PermissionDenied(STAFF_REFUSED)
        return True


class HoldsPermission(IsMember):
    """A member holds what `view.required_permissions` names for the action: it, or one of several.

    A token's scopes have narrowed what its user holds by then (`tenants.backends`).
    """

    def has_permission(self, request: Any, view: Any) -> bool:
        if not super().has_permission(request, view):
            return False
        if view.action not in view.action_map.values():
            return True  # the method is not allowed, which the view says better
        required = view.required_permissions[view.action]
        wanted = required if isinstance(required, tuple) else (required,)
        if not any(request.user.has_perm(name) for name in wanted):
            raise PermissionDenied(f"This needs the permission {' or '.join(wanted)}.")
        return True
