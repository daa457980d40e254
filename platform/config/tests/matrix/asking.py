"""One pattern, asked by one actor in every way; what is wrong with the answers comes back."""

import json
from typing import Any
from urllib.parse import urlencode

from django.core.cache import caches
from django.db import DEFAULT_DB_ALIAS
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from config.tests.matrix import pages
from config.tests.matrix.actors import (
    BY_NAME,
    SESSION,
    TOKEN,
    Actor,
    client_of,
    deleted_ids,
    renew,
)
from config.tests.matrix.bodies import Asked, asked, refs_of, resolve
from config.tests.matrix.checks import Answer, answer_of, excerpt, leaks, templates_uncopied
from config.tests.matrix.patterns import SAFE, Pattern
from config.tests.matrix.targets import (
    COUSIN,
    DELETED,
    OTHER,
    OTHERS_DELETED,
    OWN,
    RANDOM,
    SHARED,
    Target,
    is_hidden,
    labels,
    reference_of,
    target_of,
    targets,
    value_of,
)
from config.tests.matrix.texts import ERASED
from config.tests.matrix.undoing import changed_tables, undone
from config.tests.matrix.world import World
from tenants.context import PLATFORM_ALIAS

# Who asks again by methods that a plain view takes for a GET.
REPEATING = ("anonymous", "foreigner")


def is_repeated(pattern: Pattern, method: str) -> bool:
    return pattern.viewset is None and method not in ("GET", "POST")


def is_worth_repeating(method: str, target: Target) -> bool:
    """Others' rows always; the own page was shown in full by GET, and once more by HEAD."""
    if not target.kinds or OTHER in target.kinds:
        return True
    return method == "HEAD" and target.is_legitimate(OWN)


class Asking:
    """Asks for an actor and notes what is wrong in `faults`; `count` is how often it asked."""

    def __init__(self, world: World, actor: Actor, transport: str, log: list[str]):
        self.world = world
        self.actor = actor
        self.transport = transport
        self.log = log
        self.client = client_of(actor, world, transport)
        self.faults: list[str] = []
        self.answered: set[str] = set()
        self.missed: dict[str, Any] = {}  # what was answered of nothing that there is
        self.count = 0

    # One request

    def ask(
        self, method: str, path: str, ids: tuple[str, ...], body: Any = None, entry: Any = None
    ) -> Answer | None:
        """Ask, look for leaks and changes, and take back what was done."""
        entry = entry or Asked()
        data, content_type = encoded(body, entry.kind)
        answer = None
        with undone(*self._aliases(method, entry)) as written:
            try:
                answer = self._answer(method, path, data, content_type, entry.headers)
            except Exception as error:  # noqa: BLE001 (a fault of the program, told with the others)
                self._fault(method, path, f"broke: {type(error).__name__}: {error}")
            if written:
                self._look_for_changes(method, path)
        if answer is not None:
            self._look_for_leaks(method, path, answer, ids, entry)
        return answer

    def _aliases(self, method: str, entry: Asked) -> list[str]:
        """The logins that the request may write by; a link or a password may be the platform's."""
        if method in SAFE:
            return []
        is_staffs = self.actor.is_staff or entry.by == "anonymous"
        return [DEFAULT_DB_ALIAS, *([PLATFORM_ALIAS] if is_staffs else [])]

    def _answer(
        self, method: str, path: str, data: bytes, content_type: str, headers: dict[str, str]
    ) -> Answer:
        renew(self.client, self.actor, self.world, self.transport)
        caches["default"].clear()
        self.log.clear()
        self.count += 1
        with templates_uncopied():
            response = self.client.generic(
                method, path, data, content_type=content_type, headers=headers
            )
            return answer_of(response, self.log)

    def _look_for_changes(self, method: str, path: str) -> None:
        for slug in self.actor.not_theirs:
            if changed := changed_tables(self.world, slug):
                self._fault(method, path, f"changed {', '.join(changed)} of {slug}")

    def _look_for_leaks(
        self, method: str, path: str, answer: Answer, ids: tuple[str, ...], entry: Asked
    ) -> None:
        if answer.status >= 500 and answer.status not in entry.also:
            self._fault(method, path, f"answered {answer.status}")
        if entry.tells_of_deleted:
            ids = (*ids, *deleted_ids(self.actor, self.world))
        for word in leaks(answer, self.actor, self.world, ids):
            if word == ERASED and (entry.tells_of_deleted or entry.target == DELETED):
                continue
            self._fault(method, path, f"tells {word!r}: …{excerpt(answer.said(), word)}…")

    def _fault(self, method: str, path: str, what: str) -> None:
        self.faults.append(f"{self.actor} by {self.transport}, {method} {path}: {what}")

    # All requests of a pattern

    def ask_everything(self, pattern: Pattern) -> None:
        """Ask by every method for every mix of rows."""
        for method in self._methods(pattern):
            entry = asked(pattern, method)
            body = self._body(pattern, method, entry)
            told: dict[Target, Any] = {}
            for target in self._targets(pattern, entry):
                if is_repeated(pattern, method) and not is_worth_repeating(method, target):
                    continue
                self._ask_for(pattern, method, entry, body, target, told)
            self._ask_with_other_references(pattern, method, entry, body)

    def _targets(self, pattern: Pattern, entry: Asked) -> list[Target]:
        """Every mix; where deleted rows are dealt with, others' deleted ones as well."""
        found = targets(pattern, self.actor, self.world)
        if entry.target == DELETED:
            found.append(target_of(pattern, (OTHERS_DELETED,), self.actor, self.world))
        return found

    def _methods(self, pattern: Pattern) -> list[str]:
        """All of them; what a plain view takes for a GET is not asked by everybody again."""
        repeats = self.transport == SESSION and self.actor.name in REPEATING
        return [m for m in pattern.methods if repeats or not is_repeated(pattern, m)]

    def _ask_for(
        self,
        pattern: Pattern,
        method: str,
        entry: Asked,
        body: Any,
        target: Target,
        told: dict[Target, Any],
    ) -> None:
        answer = self._ask_target(pattern, method, entry, body, target)
        if answer is None:
            return
        path = path_of(pattern, target)
        if target.is_legitimate(entry.target):
            self._expect(pattern, method, path, entry, answer)
            if answer.is_positive(entry.also) or answer.status != 404:
                return
        elif not self._must_be_hidden(pattern, target):
            return
        reference = reference_of(pattern, target, self.actor, self.world)
        if target.is_legitimate(OWN) and entry.target == OWN:
            reference = target_of(pattern, (RANDOM,) * len(target.kinds), self.actor, self.world)
        if reference == target:
            return
        if reference not in told:
            nobodys = self._ask_target(pattern, method, entry, body, reference)
            told[reference] = nobodys and nobodys.told(reference.values)
        self.compare(method, path, answer.told(target.values), told[reference])

    def _ask_target(
        self, pattern: Pattern, method: str, entry: Asked, body: Any, target: Target
    ) -> Answer | None:
        sent = resolve(body, lambda ref: value_of(ref.label, OWN, self.actor, self.world))
        return self.ask(method, path_of(pattern, target), target.values, sent, entry)

    def _must_be_hidden(self, pattern: Pattern, target: Target) -> bool:
        if any(target.is_legitimate(kind) for kind in (OWN, COUSIN, RANDOM)):
            return False
        named = zip(labels(pattern), target.kinds, strict=True)
        shown = [
            label
            for label, kind in named
            if kind == OTHER and label is not None and not is_hidden(label, self.actor)
        ]
        return not (shown and pattern.is_admin)

    def _expect(
        self, pattern: Pattern, method: str, path: str, entry: Asked, answer: Answer
    ) -> None:
        if pattern.viewset is None and (answer.status == 405 or method == "OPTIONS"):
            return  # which methods there are is nobody's secret
        is_positive = answer.is_positive(entry.also)
        if is_positive:
            self.answered.add(method)
        if self.actor.name == "deactivated" and entry.by == "anonymous":
            return  # everybody's, or refused for the token: one as good as the other
        if self.actor.is_staff and entry.staff is None:
            return
        if is_positive != self._is_answered(pattern, method, entry):
            found = f"answered {answer.status} {answer.headers.get('Location', '')}"
            expected = "an answer" if not is_positive else "a refusal"
            self._fault(
                method, path, f"{found}, where {expected} was expected: {answer.body[:300]!r}"
            )

    def _is_answered(self, pattern: Pattern, method: str, entry: Asked) -> bool:
        if method not in pattern.declared:
            return False
        if pattern.is_admin and self.transport == TOKEN:
            return entry.by == "anonymous"
        if pattern.route.startswith("v1/") and self.transport == SESSION:
            return False
        return entry.is_answered(self.actor)

    def compare(self, method: str, path: str, told: Any, nobodys: Any) -> None:
        if nobodys is not None and told != nobodys:
            found = told.difference(nobodys)
            self._fault(method, path, f"differs from a row that is not there: {found}")

    # Bodies

    def _body(self, pattern: Pattern, method: str, entry: Asked) -> Any:
        if entry.kind != "page" or entry.body is not None:
            return entry.body
        actors = (self.actor, BY_NAME["owner"], BY_NAME["staff"])
        return next(filter(None, (self.form_of(pattern, actor) for actor in actors)), {})

    def form_of(self, pattern: Pattern, actor: Actor) -> Any:
        """What the actor would send back of the form on this page, if they are shown one."""
        key = pattern.name, actor.name
        if key not in self.world.forms:
            target = targets(pattern, actor, self.world)[0]
            client = client_of(actor, self.world, SESSION)
            shown = client.get(path_of(pattern, target))
            has_form = shown.status_code == 200 and shown.context and "adminform" in shown.context
            label = pattern.page[0]._meta.label
            self.world.forms[key] = pages.filled_in(shown, label) if has_form else None
        return self.world.forms[key]

    def _ask_with_other_references(
        self, pattern: Pattern, method: str, entry: Asked, body: Any
    ) -> None:
        """Name rows in the body that are another organization's, deleted, or not there."""
        target = targets(pattern, self.actor, self.world)[0]
        if not target.is_legitimate(entry.target):
            return
        path = path_of(pattern, target)
        for place, ref in enumerate(refs_of(body)):
            if ref.label in SHARED:
                continue
            told = {}
            for kind in (OTHER, DELETED, RANDOM):
                if kind == DELETED and ref.label not in self.world.sides["acme"].deleted:
                    continue
                ids = self._ids_of(body, place, kind)
                sent = self._with(body, ids)
                known = (*target.values, *ids)
                answer = self.ask(method, path, known, sent, entry)
                told[kind] = answer and answer.told((*target.values, ids[place]))
            for kind in (OTHER, DELETED):
                if told.get(kind) and (kind == DELETED or is_hidden(ref.label, self.actor)):
                    self.compare(
                        method, f"{path} with another {ref.label}", told[kind], told[RANDOM]
                    )

    def _ids_of(self, body: Any, place: int, kind: str) -> tuple[str, ...]:
        return tuple(
            value_of(ref.label, kind if at == place else OWN, self.actor, self.world)
            for at, ref in enumerate(refs_of(body))
        )

    def _with(self, body: Any, ids: tuple[str, ...]) -> Any:
        values = iter(ids)
        return resolve(body, lambda ref: next(values))


def path_of(pattern: Pattern, target: Target) -> str:
    return pattern.template.format(**dict(zip(pattern.parameters, target.values, strict=True)))


def encoded(body: Any, kind: str) -> tuple[bytes, str]:
    if body is None:
        return b"", "application/json" if kind == "json" else "application/x-www-form-urlencoded"
    if kind == "json":
        return json.dumps(body).encode(), "application/json"
    if any(hasattr(value, "read") for value in body.values()):
        return encode_multipart(BOUNDARY, body), MULTIPART_CONTENT
    return urlencode(body, doseq=True).encode(), "application/x-www-form-urlencoded"


def ask_probe(asking: Asking, probe: Any) -> Answer | None:
    """Ask what a probe of the admin's surfaces says, and the same of nothing that there is."""
    answer = _asked(asking, probe)
    if probe.miss and answer is not None:
        missed = probe.missed()
        if repr(missed) not in asking.missed:
            nobodys = _asked(asking, missed)
            asking.missed[repr(missed)] = nobodys and nobodys.told(probe.miss)
        told = asking.missed[repr(missed)]
        asking.compare("Probe of", probe.url(), answer.told(probe.values), told)
    return answer


def _asked(asking: Asking, probe: Any) -> Answer | None:
    method = "GET" if probe.body is None else "POST"
    entry = Asked(kind="form", tells_of_deleted=probe.tells_of_deleted)
    return asking.ask(method, probe.url(), probe.values, probe.body, entry)
