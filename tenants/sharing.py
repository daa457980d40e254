"""Granting rows to people and roles, taking grants back, and who can see a row and why."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Permission as NamedPermission
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q

from tenants.grants import BY_GRANT, BY_ROLE, BY_ROLE_GRANT, CHANGE, right, tables
from tenants.models import ProjectMember, Role, RolePermission, User, UserRole
from tenants.models.grant import Grant


def grant(*, row: Any, action: str, to: User | Role, by: User) -> tuple[Grant, bool]:
    """Let a user, or all who have a role, do something with a row; return it, and if it is new.

    Raises PermissionDenied when `by` may not change the row or not do this with it, and
    ValidationError (by field: action, user, role) for what cannot be granted or to whom.
    """
    if action not in type(row).grantable:
        raise ValidationError({"action": f"Choose one of {', '.join(type(row).grantable)}."})
    refuse_to_share(row, by)
    if not (by.acts_as_platform or by.has_perm(right(row, action), row)):
        raise PermissionDenied(f"Nobody grants what they do not hold: {action}.")
    if not _may_be_given(row, to):
        field = "user" if isinstance(to, User) else "role"
        raise ValidationError({field: "There is none with this id that you can see."})
    return give(row=row, action=action, to=to)


def give(*, row: Any, action: str, to: User | Role) -> tuple[Grant, bool]:
    """Write a grant that somebody's right to give it needs no asking for, with its followers'."""
    for follower in row.followers():
        give(row=follower, action=action, to=to)
    of_users, of_roles = tables(type(row))
    table, grantee = (of_users, "user") if isinstance(to, User) else (of_roles, "group")
    permission = NamedPermission.objects.get(
        content_type__app_label=row._meta.app_label,
        codename=f"{action}_{row._meta.model_name}",
    )
    return table.all_objects.get_or_create(
        organization_id=row.organization_id,
        content_object=row,
        permission=permission,
        **{grantee: to},
    )


def revoke(*, granted: Grant, by: User) -> None:
    """Take a grant back, from the next request on. PermissionDenied as in `grant`."""
    refuse_to_share(granted.content_object, by)
    _take_back(granted)


def _take_back(granted: Any) -> None:
    for follower in granted.content_object.followers():
        same = type(granted).all_objects.filter(
            content_object=follower,
            permission=granted.permission,
            **{granted.ends[1]: granted.grantee},
        )
        for followed in same:
            _take_back(followed)
    granted.delete()


def refuse_to_share(row: Any, by: User) -> None:
    if not by.has_perm(right(row, CHANGE), row):
        raise PermissionDenied("Sharing this needs the right to change it.")


def grants_on(row: Any) -> list[Any]:
    """The grants that count, oldest first."""
    of_users, of_roles = tables(type(row))
    found = [
        *of_users.objects.filter(content_object=row).select_related("permission", "user"),
        *of_roles.objects.filter(content_object=row).select_related("permission", "group"),
    ]
    return sorted(found, key=lambda granted: granted.pk)


def _may_be_given(row: Any, to: User | Role) -> bool:
    """Whether they are living and of the row's organization; built-in roles are everybody's."""
    own = Q(organization_id=row.organization_id)
    if isinstance(to, Role):
        own |= Q(organization=None)
    return type(to).objects.filter(own, pk=to.pk).exists()


@dataclass(frozen=True)
class Reason:
    """Why somebody can see a row. `actions` are what it lets them do; `grant` its id, if one."""

    kind: str
    detail: str
    actions: frozenset[str]
    grant: UUID | None = None


class People:
    """The active people of a row's organization, and what they hold: read once, for all of them.

    What `reach` says of rows as a condition, `reasons_for_reach` says of one person; a test
    compares the two.
    """

    def __init__(self) -> None:
        self.users = set(User.objects.filter(is_active=True).values_list("pk", flat=True))
        self._held: dict[UUID, set[str]] = defaultdict(set)
        for role, name in RolePermission.objects.values_list("role_id", "permission__name"):
            self._held[role].add(name)
        self._roles: dict[UUID, list[tuple[UUID, str]]] = defaultdict(list)
        links = UserRole.objects.order_by("role__name", "role_id")
        for user, role, name in links.values_list("user_id", "role_id", "role__name"):
            self._roles[user].append((role, name))

    def roles_with(self, user: UUID, permission: str) -> list[str]:
        """The names of a user's roles that hold a permission."""
        return [name for role, name in self._roles[user] if permission in self._held[role]]

    def have(self, role: UUID) -> set[UUID]:
        return {user for user, roles in self._roles.items() if role in {pk for pk, _ in roles}}

    def able(self, user: UUID, row: Any) -> frozenset[str]:
        """What a user's roles let them do with a row that is within their reach."""
        actions = type(row).grantable
        return frozenset(a for a in actions if self.roles_with(user, right(row, a)))


class Access:
    """Who can see a row, and why. The caller acts for its organization."""

    def __init__(self, row: Any, people: People | None = None):
        self.row = row
        self.people = people or People()
        self.granted = grants_on(row)
        self._answers: dict[Any, Any] = {}
        self._by_grant: dict[UUID, list[Reason]] = defaultdict(list)
        for granted in self.granted:
            self._note(granted)

    def sees(self, user: UUID) -> list[tuple[str, str]]:
        """The kind and the detail of each reason for which a user sees what is in the row."""
        by_grant = [
            (reason.kind, f"{reason.detail} of {self.row._meta.verbose_name} {self.row}")
            for reason in self._by_grant[user]
        ]
        return [*self.row.reasons_for_reach(user, self), *by_grant]

    def reasons(self, user: UUID) -> list[Reason]:
        """All there are; none for who cannot see the row."""
        able = self.people.able(user, self.row)
        reach = self.row.reasons_for_reach(user, self)
        by_reach = [Reason(kind, detail, able) for kind, detail in dict.fromkeys(reach)]
        return [reason for reason in (*by_reach, *self._by_grant[user]) if reason.actions]

    def actions(self, user: UUID) -> list[str]:
        """What a user may do with the row, in the order in which actions are named."""
        found: set[str] = set().union(*(reason.actions for reason in self.reasons(user)))
        return [action for action in type(self.row).grantable if action in found]

    def viewers(self) -> set[UUID]:
        return {user for user in self.people.users if self.reasons(user)}

    def once(self, ask: Any, *args: Any) -> Any:
        """What a question about the row is answered, asked once for all people."""
        question = ask, *args
        if question not in self._answers:
            self._answers[question] = ask(*args)
        return self._answers[question]

    def of_project(self, project: Any) -> "Access":
        """The access to the row's project, by the same people."""
        return self.once(Access, project, self.people)

    def members(self) -> set[UUID]:
        """Who has joined the row, which is a project."""
        return self.once(self._joined)

    def _joined(self) -> set[UUID]:
        joined = ProjectMember.objects.filter(project=self.row)
        return set(joined.values_list("user_id", flat=True))

    def by_role(self, user: UUID, permission: str) -> list[tuple[str, str]]:
        return [(BY_ROLE, name) for name in self.people.roles_with(user, permission)]

    def _note(self, granted: Any) -> None:
        actions = frozenset(self.once(self.row.given_by, granted.action))
        if isinstance(granted.grantee, User):
            to = {granted.user_id}
            why = BY_GRANT, granted.action
        else:
            to = self.people.have(granted.group_id)
            why = BY_ROLE_GRANT, f"{granted.grantee}: {granted.action}"
        if actions:
            for user in to & self.people.users:
                self._by_grant[user].append(Reason(*why, actions, granted.pk))
