"""What is asked of each pattern, and of whom it is: every route must be listed here.

Pages that the admin has of every model are listed by model, in `pages`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from config.tests.matrix.actors import RANKS, Actor
from config.tests.matrix.patterns import Pattern
from config.tests.matrix.targets import DELETED, OWN
from config.tests.matrix.world import KEY, KEY_AGAIN, QUESTION
from knowledge.tests.zips import packed
from tenants.lookup import find_by_login
from tenants.mails import email_tokens, password_tokens, uid_of
from tenants.testing import PASSWORD


@dataclass(frozen=True)
class Ref:
    """The id of a row; other organizations', deleted and unknown ones are tried in its place."""

    label: str


@dataclass(frozen=True)
class Link:
    """One part of a link in a mail to platform staff: `uid`, or the token that `tokens` make."""

    tokens: Any = None


@dataclass(frozen=True)
class File:
    name: str = "notes.md"
    content: bytes = b"# Notes\n\nNothing that anybody could not know.\n"

    def open(self) -> SimpleUploadedFile:
        return SimpleUploadedFile(self.name, self.content)


@dataclass(frozen=True)
class Asked:
    """One method of one pattern.

    `by` is the least role that is answered (2xx or 3xx): all above are, all below are refused.
    `staff` says the same of platform staff; None where it cannot be seen here, because what their
    login writes (a session) is not committed for the other to read. `body` is sent as `kind` (json,
    form); `target` is the kind of row that the method is for, `also` are further statuses that
    count as an answer. `tells_of_deleted`: the answer names deleted rows of the caller's own.
    """

    by: str = "owner"
    staff: bool | None = False
    body: Any = None
    kind: str = "json"
    target: str = OWN
    headers: dict[str, str] = field(default_factory=dict)
    also: tuple[int, ...] = ()
    tells_of_deleted: bool = False

    def is_answered(self, actor: Actor) -> bool:
        if actor.is_staff:
            return bool(self.staff)
        return self.by != "nobody" and actor.rank >= RANKS.index(self.by)


def anybody(body: Any = None, **options: Any) -> Asked:
    return Asked("anonymous", staff=True, body=body, **options)


def link(tokens: Any) -> dict[str, Link]:
    return {"uid": Link(), "token": Link(tokens)}


USER, ROLE = Ref("tenants.User"), Ref("tenants.Role")
PROJECT, AGENT, DOCUMENT = (
    Ref("tenants.Project"),
    Ref("agents.AgentConfig"),
    Ref("knowledge.Document"),
)
SIGN_IN = {"login": "staff", "password": PASSWORD}
FORM_SIGN_IN = {"username": "staff", "password": PASSWORD}
PERSON = {"username": "newcomer", "email": "newcomer@example.test", "password": PASSWORD}
ARCHIVE = File("notes.zip", packed({"notes/a.md": File().content}))
QUERY = {
    "query": "leave",
    "mode": "text",
    "project": PROJECT,
    "filter": {"document": [DOCUMENT]},
}
NEW_AGENT = {
    "name": "Helper",
    "slug": "helper",
    "agent_type": "doc",
    "system_prompt": "Help.",
    "project": PROJECT,
}
NEW_PROVIDER = {"name": "Ours", "kind": "openai", "api_key": "sk-of-the-matrix-4711"}
NEW_BUDGET = {
    "unit": "money",
    "currency": "USD",
    "period": "day",
    "limit": "5",
    "project": PROJECT,
    "agent": AGENT,
    "user": USER,
}
NEW_GRANT = {"user": USER, "action": "change"}
MAIL_TO = {"email": "owner@acme.test"}
CHANGE_PASSWORD = {"old": PASSWORD, "new": f"{PASSWORD} again"}
ACT = {"reason": "Somebody asked for help", "minutes": "30"}
NEW_PASSWORD = {"new_password1": PASSWORD, "new_password2": PASSWORD}
SET_PASSWORD = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}

ENTRIES: dict[str, dict[str, Asked]] = {
    "home": {"GET": anybody(), "POST": anybody()},
    "favicon.ico": {"GET": anybody(), "POST": anybody()},
    "health/live": {"GET": anybody()},
    "health/ready": {"GET": anybody()},
    "rest_framework:login": {"GET": anybody(), "POST": anybody(FORM_SIGN_IN, kind="form")},
    "rest_framework:logout": {"POST": anybody({}, kind="form")},
    # The API
    "login": {"POST": anybody(SIGN_IN)},
    "logout": {"POST": Asked("viewer", staff=True)},
    "password-change": {"POST": Asked("viewer", staff=True, body=CHANGE_PASSWORD)},
    "password-reset": {"POST": anybody(MAIL_TO)},
    "password-reset-confirm": {"POST": anybody(link(password_tokens) | {"password": PASSWORD})},
    "email-verify": {"POST": Asked("viewer", staff=True)},
    "email-confirm": {"POST": anybody(link(email_tokens))},
    "accesstoken-list": {"GET": Asked("viewer", staff=True)},
    # The tokens of the world are the owners'.
    "accesstoken-detail": {"DELETE": Asked()},
    "me": {"GET": Asked("viewer", staff=True)},
    "organization": {"GET": Asked("viewer"), "PATCH": Asked(body={"description": "Ours"})},
    "staff-access": {"GET": Asked("viewer")},
    "audit-list": {"GET": Asked(tells_of_deleted=True)},
    "audit-detail": {"GET": Asked(tells_of_deleted=True)},
    "schema": {"GET": anybody()},
    "docs": {"GET": anybody()},
    "api-root": {"GET": anybody()},
    "user-list": {"GET": Asked("manager"), "POST": Asked(body=PERSON | {"roles": [ROLE]})},
    "user-detail": {
        "GET": Asked("manager"),
        "PATCH": Asked(body={"full_name": "Somebody", "roles": [ROLE]}),
        "DELETE": Asked(),
    },
    "user-restore": {"POST": Asked(target=DELETED)},
    "role-list": {
        "GET": Asked(),
        "POST": Asked(body={"name": "Reader", "permissions": ["knowledge.view_document"]}),
    },
    "role-detail": {"GET": Asked(), "PATCH": Asked(body={"name": "R"}), "DELETE": Asked()},
    "role-restore": {"POST": Asked(target=DELETED)},
    "permission-list": {"GET": Asked()},
    "permission-detail": {"GET": Asked()},
    "project-list": {
        "GET": Asked("viewer"),
        "POST": Asked("manager", body={"name": "Rocket", "manager": USER}),
    },
    "project-detail": {
        "GET": Asked("viewer"),
        "PATCH": Asked("manager", body={"name": "Rocket", "manager": USER}),
        "DELETE": Asked("manager"),
    },
    "project-restore": {"POST": Asked("manager", target=DELETED)},
    "project-grant-list": {"GET": Asked("manager"), "POST": Asked("manager", body=NEW_GRANT)},
    "project-grant-detail": {"DELETE": Asked("manager")},
    "member-list": {"GET": Asked("viewer"), "POST": Asked("manager", body={"user": USER})},
    "member-detail": {"GET": Asked("viewer"), "DELETE": Asked("manager")},
    "agent-list": {"GET": Asked("member"), "POST": Asked("manager", body=NEW_AGENT)},
    "agent-detail": {
        "GET": Asked("member"),
        "PATCH": Asked("manager", body={"name": "Helper", "project": PROJECT}),
        "DELETE": Asked("manager"),
    },
    "agent-restore": {"POST": Asked("manager", target=DELETED)},
    "agent-grant-list": {"GET": Asked("manager"), "POST": Asked("manager", body=NEW_GRANT)},
    "agent-grant-detail": {"DELETE": Asked("manager")},
    "agent-publish": {"POST": Asked("manager", body={"note": "Better"})},
    "agent-templates": {"GET": Asked("manager")},
    "provider-list": {"GET": Asked(), "POST": Asked(body=NEW_PROVIDER)},
    "provider-detail": {"GET": Asked(), "PATCH": Asked(body={"name": "P"}), "DELETE": Asked()},
    "provider-restore": {"POST": Asked(target=DELETED)},
    "budget-list": {"GET": Asked("manager"), "POST": Asked(body=NEW_BUDGET)},
    "budget-detail": {
        "GET": Asked("manager"),
        "PATCH": Asked(body={"limit": "7"}),
        "DELETE": Asked(),
    },
    "budget-restore": {"POST": Asked(target=DELETED)},
    "usage-list": {"GET": Asked("manager")},
    "version-list": {"GET": Asked("manager")},
    "version-detail": {"GET": Asked("manager")},
    "version-diff": {"GET": Asked("manager")},
    "document-list": {
        "GET": Asked("viewer"),
        "POST": Asked("member", body={"file": File(), "project": PROJECT}, kind="form"),
    },
    "document-detail": {
        "GET": Asked("viewer"),
        "PATCH": Asked("manager", body={"is_searchable": False, "project": PROJECT}),
        "DELETE": Asked("manager"),
    },
    "document-import": {
        "POST": Asked("member", body={"file": ARCHIVE, "project": PROJECT}, kind="form")
    },
    "document-file": {"GET": Asked("viewer")},
    "document-similar": {"GET": Asked("viewer")},
    "document-reprocess": {"POST": Asked("manager")},
    "document-reprocess-many": {"POST": Asked("manager", body={"status": "failed"})},
    "document-restore": {"POST": Asked("manager", target=DELETED)},
    "document-grant-list": {"GET": Asked("manager"), "POST": Asked("manager", body=NEW_GRANT)},
    "document-grant-detail": {"DELETE": Asked("manager")},
    "chunk-list": {"GET": Asked("viewer")},
    "search-list": {"POST": Asked("viewer", body=QUERY)},
    "conversation-list": {
        "GET": Asked("member"),
        "POST": Asked("member", body={"agent": AGENT, "project": PROJECT}),
    },
    # The conversations of the world are the owners'.
    "conversation-detail": {
        "GET": Asked(),
        "PATCH": Asked(body={"title": "Leave"}),
        "DELETE": Asked(),
    },
    "conversation-restore": {"POST": Asked(target=DELETED)},
    "conversation-export": {"GET": Asked()},
    # Asked before, and answered: nothing waits for a worker.
    "message-list": {
        "GET": Asked(),
        "POST": Asked(body={"content": QUESTION}, headers={"Idempotency-Key": KEY}),
    },
    "message-detail": {"GET": Asked()},
    # For OpenAI's clients. Whoever may ask an agent is told that they asked nothing.
    "openai-models": {"GET": Asked("member")},
    "openai-model": {"GET": Asked("member")},
    "openai-completions": {
        "POST": Asked("member", body={"model": AGENT, "messages": []}, also=(400,))
    },
    "message-events": {"GET": Asked()},
    "message-stop": {"POST": Asked()},
    "message-regenerate": {"POST": Asked(headers={"Idempotency-Key": KEY_AGAIN})},
    "message-feedback": {
        "GET": Asked(),
        "POST": Asked(body={"rating": "up", "comment": "Just so"}),
        "DELETE": Asked(),
    },
    # The admin, but for what it has of every model
    "admin:index": {"GET": Asked(staff=True), "POST": Asked(staff=True)},
    "admin:search": {"GET": Asked(staff=True), "POST": Asked(staff=True)},
    # Their answer is the way to the first page, which elsewhere is a refusal.
    "admin:login": {
        "GET": anybody(also=(302,)),
        "POST": anybody(FORM_SIGN_IN, kind="form", also=(302,)),
    },
    "admin:logout": {
        "GET": Asked("nobody", also=(405,)),
        "POST": anybody(kind="form", also=(302,)),
    },
    "admin:password_change": {
        "GET": Asked(staff=True),
        "POST": Asked(staff=None, body=NEW_PASSWORD | {"old_password": PASSWORD}, kind="form"),
    },
    "admin:password_change_done": {"GET": Asked(staff=True)},
    # For who cannot sign in
    "admin_password_reset": {"GET": anybody(), "POST": anybody(MAIL_TO, kind="form")},
    "admin_password_reset_done": {"GET": anybody()},
    "admin_password_reset_confirm": {"GET": anybody(), "POST": anybody(NEW_PASSWORD, kind="form")},
    "admin_password_reset_complete": {"GET": anybody()},
    "admin_email_confirm": {"GET": anybody(), "POST": anybody({}, kind="form")},
    "admin_email_confirmed": {"GET": anybody()},
    # Where platform staff begin and stop to act. What they see then is asked in
    # config/tests/test_staff_access.py.
    "admin:tenants_organization_act": {
        "GET": Asked("nobody", staff=True),
        "POST": Asked("nobody", staff=None, body=ACT, kind="form"),
    },
    "admin:tenants_staffaccess_stop": {
        "GET": Asked("nobody"),
        "POST": Asked("nobody", staff=None, kind="form"),
    },
    "admin:agents_agentconfig_versions": {
        "GET": Asked(staff=True),
        "POST": Asked(staff=True, body={"version": "", "note": "Better"}, kind="form"),
    },
    # Its form alone: what it finds is asked in `surfaces`.
    "admin:knowledge_document_search": {"GET": Asked()},
    "admin:autocomplete": {"GET": Asked("nobody"), "POST": Asked("nobody")},
    "admin:jsi18n": {"GET": Asked(staff=True)},
    "admin:app_list": {"GET": Asked(staff=True), "POST": Asked(staff=True)},
    "admin/(?P<url>.*)$": {"GET": Asked("nobody"), "POST": Asked("nobody")},
    "admin:tenants_user_set_password": {"GET": Asked(staff=True), "POST": Asked(staff=True)},
    "admin:auth_user_password_change": {
        "GET": Asked(staff=True),
        "POST": Asked(staff=None, body=SET_PASSWORD, kind="form"),
    },
}


def listed(pattern: Pattern) -> dict[str, Asked]:
    """What is said of a pattern, by method."""
    from config.tests.matrix import pages

    entries = pages.entries(pattern) if pattern.page else ENTRIES.get(pattern.name)
    if entries is None:
        raise AssertionError(
            f"The route {pattern.route!r} is not listed: say in config/tests/matrix/bodies.py, "
            f"ENTRIES[{pattern.name!r}], who is answered by {', '.join(sorted(pattern.declared))} "
            "and, for what changes something, a body that does it."
        )
    return entries


def asked(pattern: Pattern, method: str) -> Asked:
    """What to ask of a pattern by a method, and who is answered."""
    entries = listed(pattern)
    if found := entries.get(method):
        return found
    if method in pattern.declared and method != "HEAD" and pattern.viewset is not None:
        raise AssertionError(
            f"{method} of {pattern.route!r} is not listed: say in config/tests/matrix/bodies.py, "
            f"ENTRIES[{pattern.name!r}][{method!r}], who is answered and with which body."
        )
    if method in pattern.declared:
        return entries.get("GET") or Asked("nobody")  # a plain view takes them for a GET
    return Asked("nobody")


def _part_of(link: Link) -> str:
    staff = find_by_login("staff")
    return link.tokens.make_token(staff) if link.tokens else uid_of(staff)


def refs_of(body: Any) -> list[Ref]:
    """The references in a body, in order."""
    found: list[Ref] = []
    resolve(body, lambda ref: found.append(ref))
    return found


def resolve(body: Any, value: Callable[[Ref], Any]) -> Any:
    """The body with values in place of references, and files opened."""
    match body:
        case Ref():
            return value(body)
        case Link():
            return _part_of(body)
        case File():
            return body.open()
        case dict():
            return {name: resolve(inner, value) for name, inner in body.items()}
        case list():
            return [resolve(inner, value) for inner in body]
    return body
