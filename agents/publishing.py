"""Versions of an agent: publishing the draft or an older version, and what has changed between two.

A version is written once. The draft is the only thing that is edited.
"""

from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from django.db import router, transaction

from agents.models import AgentConfig, AgentVersion
from agents.validation import SETTINGS, check_settings, settings_of
from tenants import deletion
from tenants.models import User

_CONTEXT_LINES = 3
_COMPARED_LINES = 2_000


def publish_agent(*, agent: AgentConfig, by: User, note: str = "") -> AgentVersion:
    """Copy the stored draft of an agent to its next version, which conversations run from now on.

    Two who publish at once queue on the agent's row. Raises ValidationError, by field, when the
    draft is of settings that no agent can have, and Gone when it has just been deleted.
    """
    with transaction.atomic(using=router.db_for_write(AgentConfig)):
        deletion.hold_to_change(agent)
        draft = AgentConfig.objects.get(pk=agent.pk)
        return _publish(draft, settings_of(draft), by, note)


def publish_again(
    *, agent: AgentConfig, version: AgentVersion, by: User, note: str = ""
) -> AgentVersion:
    """Publish the settings of an older version as the next one, whose note says so.

    The draft stays as it is: what somebody is at work on is not lost by going back. Raises what
    `publish_agent` does.
    """
    with transaction.atomic(using=router.db_for_write(AgentConfig)):
        deletion.hold_to_change(agent)
        longest = AgentVersion._meta.get_field("note").max_length
        note = f"Version {version.number} again. {note}".strip()[:longest]
        return _publish(agent, settings_of(version), by, note)


def snapshot_of_draft(agent: AgentConfig) -> AgentVersion:
    """The stored draft as a version without a number, which a reply names as it would any other.

    The last one is taken again while the draft has not changed. The caller holds the conversation
    of whoever tries it; two may make two of the same, which is harmless.
    """
    draft = AgentConfig.objects.get(pk=agent.pk)
    values = settings_of(draft)
    tried = AgentVersion.objects.filter(agent=draft, number=None).order_by("-id").first()
    if tried and settings_of(tried) == values:
        return tried
    return AgentVersion.objects.create(
        organization_id=draft.organization_id, agent=draft, number=None, **values
    )


def _publish(agent: AgentConfig, values: dict[str, Any], by: User, note: str) -> AgentVersion:
    check_settings(values, agent.organization_id)
    published = AgentVersion.all_objects.published().filter(agent=agent)
    latest = published.order_by("-number").first()
    return AgentVersion.objects.create(
        organization_id=agent.organization_id,
        agent=agent,
        number=latest.number + 1 if latest else 1,
        note=note,
        # Platform staff, who belong to no organization, are not named in one's rows.
        published_by=by if by.organization_id == agent.organization_id else None,
        **values,
    )


@dataclass(frozen=True)
class Change:
    """One setting that differs. `lines` are the unified diff of texts of more than a line."""

    field: str
    before: Any
    after: Any
    lines: list[str]


def changes(before: AgentConfig | AgentVersion, after: AgentConfig | AgentVersion) -> list[Change]:
    """The settings that differ between two versions, or a version and the draft, in their order."""
    found = []
    for name in SETTINGS:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            lines = _diff(old, new) if name == "system_prompt" else []
            found.append(Change(name, old, new, lines))
    return found


def _diff(old: str, new: str) -> list[str]:
    """The lines of a unified diff without its two headings: " same", "-old", "+new", "@@ … @@".

    Of very long texts all old lines, then all new ones: what `difflib` takes grows by the square.
    """
    before, after = old.splitlines(), new.splitlines()
    if max(len(before), len(after)) > _COMPARED_LINES:
        return [*(f"-{line}" for line in before), *(f"+{line}" for line in after)]
    return list(unified_diff(before, after, lineterm="", n=_CONTEXT_LINES))[2:]
