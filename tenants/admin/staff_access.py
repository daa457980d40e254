"""Platform staff begin and stop acting for an organization; who did is there to read."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import UnfoldAdminExpandableTextareaWidget, UnfoldAdminRadioSelectWidget

from tenants import staff_access
from tenants.admin.base import OrganizationAdmin, ReadOnly
from tenants.models import Organization, StaffAccess
from tenants.models.staff_access import LONGEST_REASON, SHORTEST_REASON

MINUTES = {15: "15 minutes", 30: "30 minutes", 60: "1 hour", 240: "4 hours"}
COLORS = {"in force": "warning", "ended": "default"}


class ActForm(forms.Form):
    reason = forms.CharField(
        min_length=SHORTEST_REASON,
        max_length=LONGEST_REASON,
        widget=UnfoldAdminExpandableTextareaWidget,
        help_text="The organization reads it, beside your name.",
    )
    minutes = forms.TypedChoiceField(
        label="For",
        choices=MINUTES.items(),
        coerce=int,
        initial=30,
        widget=UnfoldAdminRadioSelectWidget,
    )


def act_page(request, organization):
    """The form by which platform staff begin to act for an organization."""
    if organization is None:
        raise Http404("There is no such organization.")
    form = ActForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            staff_access.begin(organization=organization, by=request.user, **form.cleaned_data)
        except staff_access.CannotAct as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("admin:index")
    page = {
        "title": f"Act for {organization}",
        "original": organization,
        "opts": Organization._meta,
        "form": form,
    }
    context = admin.site.each_context(request) | page
    return TemplateResponse(request, "tenants/act.html", context)


@require_POST
def stop(request, model_admin):
    """Stop acting; to do so twice, or too late, does no harm."""
    if not request.user.is_platform_staff:
        raise PermissionDenied
    if access := request.user.staff_access:
        staff_access.end(access=access, by=request.user)
        messages.success(request, f"You act for {access.organization} no longer.")
    else:
        messages.info(request, "Your time was over: you act for no organization.")
    return redirect("admin:index")


@admin.register(StaffAccess)
class StaffAccessAdmin(ReadOnly, OrganizationAdmin):
    """Who of the platform staff acted for the organization, for those who see the organization."""

    governed_by = Organization
    list_display = ["staff_name", "reason", "state", "created_at", "until"]
    list_filter = ["created_at"]
    search_fields = ["staff_name", "staff_email", "reason"]
    ordering = ["-id"]
    fieldsets = [
        (None, {"fields": ["staff_name", "staff_email", "reason", "state"]}),
        ("Times", {"fields": ["created_at", "expires_at", "ended_at"]}),
    ]
    custom_urls = [("stop/", "tenants_staffaccess_stop", stop)]

    def get_readonly_fields(self, request, obj=None):
        return [
            name for _, options in self.get_fieldsets(request, obj) for name in options["fields"]
        ]

    @display(description="until", ordering="expires_at")
    def until(self, access):
        return access.ended_at or access.expires_at

    @display(label=COLORS)
    def state(self, access):
        is_over = access.ended_at or access.expires_at <= timezone.now()
        return "ended" if is_over else "in force"
