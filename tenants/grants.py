"""What grants give: rights over one row, beside those that roles give over all within reach.

A model that can be granted names the actions (`grantable`), has a table of grants for users and one
for roles (`tenants.models.grant`), and a `GrantableQuerySet`. To use or to change a row is to view
it, too. A token's scopes narrow grants as they narrow roles.
"""

from typing import Any

from django.apps import apps
from django.db.models import Q

from tenants.managers import LivingQuerySet

ACTIONS = VIEW, USE, CHANGE = "view", "use", "change"
# Why somebody sees a row, in the words of the API.
BY_ROLE, BY_MEMBERSHIP, BY_MANAGING = "role", "membership", "manager"
BY_GRANT, BY_ROLE_GRANT = "grant", "role grant"

NOTHING = Q(pk__in=())
EVERYTHING = ~NOTHING  # an empty Q would vanish from an OR


class GrantableQuerySet(LivingQuerySet):
    """Rows that roles and projects put within somebody's reach, or that were granted to them."""

    def reach(self, user) -> Q:
        """The condition for what needs no grant."""
        raise NotImplementedError

    def grant_of(self, user, action) -> Q:
        """The condition for that with which a grant lets a user do something."""
        return granted(self.model, user, action)

    def within_reach_of(self, user):
        return self.filter(self.reach(user))

    def granted_to(self, user, action=VIEW):
        return self.filter(self.grant_of(user, action))

    def allowed_to(self, user, action):
        """Those with which a user may do something: by their roles within reach, or by a grant."""
        within = self.reach(user) if user.has_perm(right(self.model, action)) else NOTHING
        return self.filter(within | self.grant_of(user, action))

    def visible_to(self, user):
        """What a user may see: within reach, or granted."""
        return self.filter(self.reach(user) | self.grant_of(user, VIEW))


class Grantable:
    """Mixed into a model whose rows can be granted. `grantable` are the actions."""

    grantable: tuple[str, ...] = (VIEW, CHANGE)

    def given_by(self, action):
        """What a grant of an action lets somebody do with this row."""
        return {VIEW, action}

    def followers(self):
        """The rows that are granted, and taken back, together with this one."""
        return ()

    def reasons_for_reach(self, user, access):
        """Yield (kind, detail) of why the row is within the reach of a user, given by id.

        `access` (`tenants.sharing.Access`) knows all people and what they hold.
        """
        raise NotImplementedError


def is_grantable(row: Any) -> bool:
    """Whether grants are given of this row, or of the rows of this model."""
    return issubclass(row if isinstance(row, type) else type(row), Grantable)


def right(model: Any, action: str) -> str:
    """The name of the permission, such as knowledge.view_document."""
    return f"{model._meta.app_label}.{action}_{model._meta.model_name}"


def tables(model: Any) -> tuple[Any, Any]:
    """The models of its grants: for users, and for roles."""
    of = model._meta.get_field
    return of("user_grants").related_model, of("role_grants").related_model


def granted(model: Any, user: Any, action: str) -> Q:
    """The condition for the rows with which a user may do something by a grant of theirs."""
    if action not in model.grantable or not _counts(user, right(model, action)):
        return NOTHING
    to_user, to_role = (_given(table, user, action) for table in tables(model))
    return Q(pk__in=to_user.values("content_object_id")) | Q(
        pk__in=to_role.values("content_object_id")
    )


def is_granted(user: Any, name: str, row: Any) -> bool:
    """Whether a user holds the permission for this living row by a grant."""
    action = action_of(type(row), name)
    if action is None:
        return False
    return type(row)._default_manager.granted_to(user, action).filter(pk=row.pk).exists()


def is_granted_somewhere(user: Any, name: str) -> bool:
    """Whether a user holds the permission for any row by a grant."""
    label, _, codename = name.partition(".")
    action, _, model_name = codename.partition("_")
    try:
        model: Any = apps.get_model(label, model_name)
    except LookupError:
        return False
    if not is_grantable(model) or action not in model.grantable:
        return False
    if not _counts(user, name):
        return False
    return any(
        _given(table, user, action).filter(content_object__is_deleted=False).exists()
        for table in tables(model)
    )


def _given(table: Any, user: Any, action: str) -> Any:
    """The grants to a user, or to a living role of theirs, that give an action."""
    found = table.all_objects.all()
    if "user" in table.ends:
        found = found.filter(user_id=user.pk, user__is_deleted=False)
    else:
        roles = apps.get_model("tenants.UserRole")._default_manager.filter(user_id=user.pk)
        found = found.filter(group_id__in=roles.values("role_id"))
    if action == VIEW:
        return found  # whatever is granted lets see
    codename = f"{action}_{table._meta.get_field('content_object').related_model._meta.model_name}"
    return found.filter(permission__codename=codename)


def action_of(model: Any, name: str) -> str | None:
    """The grantable action of a model that the name of a permission stands for."""
    return next((action for action in model.grantable if right(model, action) == name), None)


def _counts(user: Any, name: str) -> bool:
    """Whether this user's grants are asked at all: an active member's, within a token's scopes."""
    if not user.is_active or user.is_anonymous or user.is_platform_staff:
        return False
    scopes = getattr(user, "token_scopes", None)
    return not scopes or name in scopes
