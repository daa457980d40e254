"""Who may hand on which rights: nobody gives more than they hold, or gets at it through others."""

from tenants.models import Permission, Role, RolePermission


def permissions_giveable_by(user):
    """The permissions that somebody may put into a role."""
    if user.acts_as_platform:
        return Permission.objects.all()
    return Permission.objects.filter(name__in=user.get_all_permissions())


def roles_giveable_by(user):
    """The roles of which somebody holds every permission; platform staff may give all."""
    roles = Role.objects.all()
    if user.acts_as_platform:
        return roles
    return roles.exclude(pk__in=_beyond(user).values("role_id"))


def may_give(user, role):
    return roles_giveable_by(user).filter(pk=role.pk).exists()


def may_bring_back(user, role):
    """Whether a deleted role holds no permission that the user lacks."""
    if user.is_platform_staff:
        return True
    held = RolePermission.all_objects.filter(role=role)
    return not held.exclude(permission__name__in=user.get_all_permissions()).exists()


def may_administer(user, person):
    """Whether a person holds no right that the user lacks: a new password lends them all."""
    if user.acts_as_platform:
        return True
    return not _beyond(user).filter(role__user_roles__user_id=person.pk).exists()


def _beyond(user):
    """What roles hold and the user does not."""
    return RolePermission.objects.exclude(permission__name__in=user.get_all_permissions())
