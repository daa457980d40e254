"""Who somebody is (`LoginBackend`) and what their roles let them do (`RoleBackend`)."""

from uuid import UUID

from django.conf import settings
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import check_password, make_password

from common.connections import let_go
from tenants import lookup, throttle
from tenants.control_plane import platform_permissions
from tenants.models import RolePermission

DEMO_PASSWORD = "demo"  # noqa: S105  everybody knows it: it signs in only where the demo runs


class LoginBackend(BaseBackend):
    """Signs in by e-mail or username, before any organization is set.

    One password is hashed, whoever it is for. Too many attempts raise TooManyAttempts instead.
    """

    def authenticate(self, request, username=None, password=None, **credentials):
        if username is None or password is None:
            return None
        with throttle.SIGN_IN.attempt(username, request) as attempt:
            user = lookup.find_by_login(username)
            let_go()
            if user is None or (password == DEMO_PASSWORD and not settings.CHANCERY_DEMO):
                make_password(password)  # an unknown name takes as long as a wrong password
                return None
            if not check_password(password, user.password):
                return None
            attempt.succeed()
        throttle.know(user, request)
        return user

    def get_user(self, user_id):
        try:
            return lookup.find_by_id(UUID(str(user_id)))
        except ValueError:
            return None


class RoleBackend(BaseBackend):
    """Answers `user.has_perm(...)` from the roles of a member, and the control plane for staff."""

    def get_all_permissions(self, user_obj, obj=None):
        if not user_obj.is_active or user_obj.is_anonymous:
            return set()
        if user_obj.is_platform_staff:
            return platform_permissions()
        if not hasattr(user_obj, "_role_permissions"):
            user_obj._role_permissions = _held_by(user_obj)
        return user_obj._role_permissions

    def has_perm(self, user_obj, perm, obj=None):
        return perm in self.get_all_permissions(user_obj)

    def has_module_perms(self, user_obj, app_label):
        return any(name.startswith(f"{app_label}.") for name in self.get_all_permissions(user_obj))


def _held_by(user):
    """The permissions of a member's roles; a token with scopes narrows them to these."""
    rights = RolePermission.objects.filter(role__user_roles__user_id=user.pk)
    held = set(rights.values_list("permission__name", flat=True))
    scopes = getattr(user, "token_scopes", None)
    return held & set(scopes) if scopes else held
