"""Which permission an action of the API asks for: what names none is refused."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission, IsAuthenticated

from tenants.grants import is_grantable, is_granted_somewhere
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

    Who holds it by a grant alone may ask; of each row that can be granted it is then seen whether
    they hold it for that one. A token's scopes have narrowed both by then (`tenants.backends`).
    """

    def has_permission(self, request: Any, view: Any) -> bool:
        if not super().has_permission(request, view):
            return False
        if not _is_routed(view):
            return True
        user, wanted = request.user, _wanted(view)
        if any(user.has_perm(name) for name in wanted):
            return True
        return any(is_granted_somewhere(user, name) for name in wanted) or _refuse(wanted)

    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        if not (is_grantable(obj) and _is_routed(view)):
            return True
        wanted = _wanted(view)
        return any(request.user.has_perm(name, obj) for name in wanted) or _refuse(wanted)


def _is_routed(view: Any) -> bool:
    """Where it is not, the method is not allowed, which the view says better."""
    return view.action in view.action_map.values()


def _wanted(view: Any) -> tuple[Permissions, ...]:
    required = view.required_permissions[view.action]
    return required if isinstance(required, tuple) else (required,)


def _refuse(wanted: tuple[Permissions, ...]) -> bool:
    raise PermissionDenied(f"This needs the permission {' or '.join(wanted)}.")
