"""An agent's versions on one page: what has changed, publishing it, and going back."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from agents.models import AgentConfig, AgentVersion
from agents.publishing import Change, changes, publish_again, publish_agent

SHOWN = 50  # versions, newest first
_COLORS = {"+": "text-green-700 dark:text-green-500", "-": "text-red-700 dark:text-red-500"}


class NumberField(forms.TypedChoiceField):
    """A version by its number; the draft is none."""

    def __init__(self, **kwargs: Any):
        widget = UnfoldAdminSelectWidget
        super().__init__(coerce=int, required=False, empty_value=None, widget=widget, **kwargs)


class CompareForm(forms.Form):
    """Which two to compare. Both are read from the address, so that a comparison can be sent."""

    before = NumberField(label="From")
    after = NumberField(label="To")

    def __init__(self, data: Any, *, versions: list[AgentVersion]):
        newest = str(versions[0].number) if versions else ""
        super().__init__({"before": data.get("before", newest), "after": data.get("after", "")})
        for name in ("before", "after"):
            self.fields[name].choices = _choices(versions)  # type: ignore[attr-defined]


class PublishForm(forms.Form):
    version = NumberField(label="Publish")
    note = forms.CharField(
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="What has changed, for whoever looks later.",
    )

    def __init__(self, *args: Any, versions: list[AgentVersion], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["version"].choices = _choices(versions)  # type: ignore[attr-defined]


def versions_page(request: Any, agent: AgentConfig | None, *, may_change: bool) -> HttpResponseBase:
    """The history of an agent's versions, a comparison of two, and the form that publishes one."""
    if agent is None:
        raise Http404("There is no such agent.")
    if not may_change:
        raise PermissionDenied
    published: QuerySet[AgentVersion] = agent.versions.published().select_related("published_by")
    versions = list(published.order_by("-number")[:SHOWN])
    is_posted = request.method == "POST"
    form = PublishForm(request.POST if is_posted else None, versions=versions)
    if is_posted and form.is_valid():
        version = _publish(request, agent, form, versions)
        if version is not None:
            messages.success(request, f"Published version {version.number}.")
            return redirect("admin:agents_agentconfig_versions", agent.pk)
    compare = CompareForm(request.GET, versions=versions)
    shown = {
        "title": f"Versions of {agent}",
        "original": agent,
        "opts": AgentConfig._meta,
        "versions": [(version, _publisher(version)) for version in versions],
        "form": form,
        "compare": compare,
        "rows": _compared(agent, compare, versions),
    }
    context = admin.site.each_context(request) | shown
    return TemplateResponse(request, "agents/versions.html", context)


def _publish(
    request: Any, agent: AgentConfig, form: PublishForm, versions: list[AgentVersion]
) -> AgentVersion | None:
    number, note = form.cleaned_data["version"], form.cleaned_data["note"]
    older = next((version for version in versions if version.number == number), None)
    try:
        if older is None:
            return publish_agent(agent=agent, by=request.user, note=note)
        return publish_again(agent=agent, version=older, by=request.user, note=note)
    except ValidationError as refusal:
        for name, found in refusal.message_dict.items():
            form.add_error(None, f"{_label(name).capitalize()}: {' '.join(found)}")
        return None


def _compared(
    agent: AgentConfig, compare: CompareForm, versions: list[AgentVersion]
) -> list[dict[str, Any]] | None:
    """What differs, for the page; None where there is nothing to compare with."""
    if not compare.is_valid() or not versions:
        return None
    known: dict[Any, Any] = {None: agent} | {version.number: version for version in versions}
    before, after = (known[compare.cleaned_data[name]] for name in ("before", "after"))
    return [_row(change) for change in changes(before, after)]


def _row(change: Change) -> dict[str, Any]:
    return {
        "label": _label(change.field),
        "before": _written(change.before),
        "after": _written(change.after),
        "lines": [(line, _COLORS.get(line[:1], "")) for line in change.lines],
    }


def _label(name: str) -> str:
    field: Any = AgentConfig._meta.get_field(name)
    return str(field.verbose_name)


def _written(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text or "none"


def _choices(versions: list[AgentVersion]) -> list[tuple[Any, str]]:
    numbered = [(v.number, f"Version {v.number}{v.note and f': {v.note}'}"[:80]) for v in versions]
    return [("", "The draft"), *numbered]


def _publisher(version: AgentVersion) -> Any:
    person: Any = version.published_by
    return None if person is None or person.is_deleted else person
