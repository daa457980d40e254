"""Every pattern of the URL resolver, with the methods that it may answer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
PAGES = ("changelist", "add", "history", "delete", "change")

_PARAMETER = re.compile(r"\(\?P<(\w+)>[^)]*\)|<(?:\w+:)?(\w+)>")
_REDIRECT = re.compile(r"admin/(\w+)/(\w+)/<path:object_id>/")


@dataclass(frozen=True)
class Pattern:
    """One route. `name` is what it is called in `reverse`; without one, its path."""

    name: str
    route: str
    view: Any

    def __str__(self) -> str:
        return self.name

    @property
    def template(self) -> str:
        """The path with `{parameter}` where something must be filled in."""
        named = _PARAMETER.sub(lambda found: f"{{{found[1] or found[2]}}}", self.route)
        return "/" + named.replace("^", "").replace("$", "").replace("\\", "")

    @property
    def parameters(self) -> list[str]:
        return [one or two for one, two in _PARAMETER.findall(self.route)]

    @property
    def viewset(self) -> Any:
        """The class of a view of the API, None for others."""
        found = getattr(self.view, "cls", None)
        return found if hasattr(found, "permission_classes") else None

    @property
    def is_admin(self) -> bool:
        return self.route.startswith("admin/")

    @property
    def page(self) -> tuple[Any, str] | None:
        """(model, page) for the pages that the admin has of every registered model."""
        if found := _REDIRECT.fullmatch(self.route):
            return apps.get_model(*found.groups()), "redirect"
        for model in admin.site._registry:
            for page in PAGES:
                options = model._meta
                if self.name == f"admin:{options.app_label}_{options.model_name}_{page}":
                    return model, page
        return None

    @property
    def declared(self) -> frozenset[str]:
        """The methods that the code says are answered; a plain view says nothing."""
        if self.viewset is None:
            return frozenset(METHODS)
        names = getattr(self.view, "actions", None) or [
            name for name in self.viewset.http_method_names if hasattr(self.viewset, name)
        ]
        found = {name.upper() for name in names}
        found |= {"HEAD"} if "GET" in found else set()
        found &= {name.upper() for name in self.viewset.http_method_names}
        return frozenset(found - {"OPTIONS"})  # there is no metadata to answer with

    @property
    def methods(self) -> list[str]:
        """Those, and one that is not allowed."""
        refused = [method for method in METHODS if method not in self.declared]
        return [method for method in METHODS if method in {*self.declared, *refused[:1]}]


def all_patterns() -> list[Pattern]:
    found = list(_walk(get_resolver().url_patterns))
    assert len({pattern.name for pattern in found}) == len(found), "two routes share a name"
    return found


def _walk(entries: Any, prefix: str = "", space: str = "") -> Iterator[Pattern]:
    for entry in entries:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            yield from _walk(entry.url_patterns, route, inner)
        elif isinstance(entry, URLPattern):
            name = space + entry.name if entry.name else route or "/"
            yield Pattern(name, route, entry.callback)
