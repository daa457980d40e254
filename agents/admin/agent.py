from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import router, transaction
from django.template.defaultfilters import linebreaksbr
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action

from agents.admin.versions import versions_page
from agents.agent_templates import TEMPLATES
from agents.models import AgentConfig, AgentVersion
from agents.publishing import publish_agent
from agents.validation import SETTINGS as SETTINGS_FIELDS
from agents.validation import faults_of, settings_of
from tenants.admin.base import TIMES, OrganizationAdmin, PartInline, ReadOnly, living
from tenants.admin.forms import OrganizationForm
from tenants.admin.grants import GrantableAdmin
from tenants.grants import CHANGE, is_granted_somewhere
from tenants.permissions import Permissions

SETTINGS = [
    "agent_type",
    "system_prompt",
    "model_name",
    "fallback_model",
    "temperature",
    "max_tokens",
]
STRUCTURES = ["tools", "metadata"]


class AgentForm(OrganizationForm):
    """A draft. Without a prompt a new one takes over what the template of its type says."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "system_prompt" in self.fields and self.instance._state.adding:
            self.fields["system_prompt"].required = False
            self.fields["system_prompt"].help_text = (
                "Left empty, it becomes that of the type's template, with its tools, temperature "
                "and length where these are as they were."
            )

    def clean(self):
        super().clean()
        is_new = self.instance._state.adding
        if is_new:
            self._take_over_template()
        if is_new or set(SETTINGS_FIELDS) & set(self.changed_data):
            cleaned = self.cleaned_data
            given = {name: cleaned[name] for name in SETTINGS_FIELDS if name in cleaned}
            for name, messages in faults_of(given, self._organization_id()).items():
                if name not in self.errors:
                    self.add_error(name, messages)
        return self.cleaned_data

    def _take_over_template(self):
        template = TEMPLATES.get(self.cleaned_data.get("agent_type") or "")
        if template is None or self.cleaned_data.get("system_prompt") != "":
            return
        as_they_were = settings_of(AgentConfig()) | {"system_prompt": ""}
        for name, value in template.settings().items():
            if self.cleaned_data.get(name) == as_they_were[name]:
                self.cleaned_data[name] = value

    def _organization_id(self):
        if chosen := self.cleaned_data.get("organization"):
            return chosen.pk
        return self.instance.organization_id


class Publisher:
    """Mixed into an admin of versions: who published one, while they are there."""

    @admin.display(description="published by", ordering="published_by__username")
    def publisher(self, version):
        return living(version.published_by)


class VersionInline(Publisher, PartInline):
    model = AgentVersion
    fields = ["number", "note", "model_name", "publisher", "created_at"]
    readonly_fields = fields
    ordering = ["-number"]
    verbose_name_plural = "versions"
    show_change_link = True
    hide_title = False  # it holds the link
    per_page = 20
    tab = True

    def get_queryset(self, request):
        versions = super().get_queryset(request).filter(number__isnull=False)
        return versions.select_related("agent", "published_by")


@admin.register(AgentConfig)
class AgentConfigAdmin(GrantableAdmin):
    """Drafts of agents. What people converse with is what was published last."""

    form = AgentForm
    list_display = ["name", "slug", "agent_type", "project", "model_name", "is_active"]
    list_select_related = ["project"]
    list_filter = ["agent_type", "is_active", ("project", AutocompleteSelectFilter)]
    search_fields = ["name", "slug"]
    ordering = ["name", "id"]
    autocomplete_fields = ["project"]
    prepopulated_fields = {"slug": ["name"]}
    fieldsets = [
        (None, {"fields": ["name", "slug", "description", "project", "is_active"]}),
        ("What decides an answer", {"fields": [*SETTINGS, *STRUCTURES]}),
        TIMES,
    ]
    inlines = [VersionInline]
    actions = ["publish"]
    actions_detail = ["versions"]
    actions_submit_line = ["save_and_publish"]
    taken = {"agents_agentconfig_slug": ("slug", "There is an agent of this slug already.")}

    def get_prepopulated_fields(self, request, obj=None):
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def get_inlines(self, request, obj):
        return super().get_inlines(request, obj) if obj else []

    def has_publish_permission(self, request, object_id=None):
        return self.may(request, "change")

    @admin.action(description="Publish", permissions=["publish"])
    def publish(self, request, queryset):
        agents = self.permitted(request, queryset, "change")
        try:
            with transaction.atomic(using=router.db_for_write(AgentConfig)):
                for agent in agents:
                    publish_agent(agent=agent, by=request.user)
        except ValidationError as refusal:
            reasons = " ".join(refusal.messages)
            text = f"{agent} cannot be published so: {reasons} Nothing was published."
            self.message_user(request, text, messages.ERROR)
        else:
            self.message_user(request, f"Published {len(agents)} agents.")

    @action(description="Save and publish", permissions=["publish"])
    def save_and_publish(self, request, agent):
        version = publish_agent(agent=agent, by=request.user)
        self.message_user(request, f"Published version {version.number}.")

    def has_versions_permission(self, request, object_id=None):
        """Whether to offer it; the page that it leads to looks whose agent it is."""
        return self.may(request, "change")

    @action(description="Versions", permissions=["versions"], icon="history")
    def versions(self, request, object_id):
        agent = self.get_object(request, object_id)
        may_change = agent is not None and self.may(request, "change", agent)
        return versions_page(request, agent, may_change=may_change)


@admin.register(AgentVersion)
class AgentVersionAdmin(Publisher, ReadOnly, OrganizationAdmin):
    """What was published, as it was: for those who may change the agent, as in the API."""

    governed_by = AgentConfig
    list_display = ["agent", "number", "note", "publisher", "created_at"]
    list_select_related = ["agent", "published_by"]
    readonly_fields = ["publisher"]
    list_filter = [("agent", AutocompleteSelectFilter)]
    search_fields = ["agent__name", "note"]
    readonly_preprocess_fields = {"system_prompt": linebreaksbr}
    ordering = ["-id"]
    fieldsets = [
        (None, {"fields": ["agent", "number", "note", "publisher", "created_at"]}),
        ("What decides an answer", {"fields": [*SETTINGS, *STRUCTURES]}),
    ]

    def has_view_permission(self, request, obj=None):
        right = Permissions.AGENTS_CHANGE
        return request.user.has_perm(right) or is_granted_somewhere(request.user, right)

    def get_queryset(self, request):
        versions = super().get_queryset(request)
        if not request.resolver_match.kwargs:  # what was only tried is found from its replies
            versions = versions.published()
        if request.user.acts_as_platform:
            return versions
        return versions.filter(agent__in=AgentConfig.objects.allowed_to(request.user, CHANGE))
