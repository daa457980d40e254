"""What the admin's sidebar and its first page list, for those who may see it."""

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.messages.storage.base import Message
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse

# (section, [(title, model, icon of Material Symbols[, a page other than the list]), …])
SECTIONS: list[tuple[str, list[tuple[str, ...]]]] = [
    (
        "Organizations",
        [
            ("Organizations", "tenants.Organization", "domain"),
            ("Access by platform staff", "tenants.StaffAccess", "policy"),
        ],
    ),
    (
        "People",
        [
            ("People", "tenants.User", "group"),
            ("Roles", "tenants.Role", "shield_person"),
            ("Permissions", "tenants.Permission", "rule"),
            ("Access tokens", "tenants.AccessToken", "key"),
        ],
    ),
    ("Projects", [("Projects", "tenants.Project", "folder_shared")]),
    (
        "Agents",
        [
            ("Agents", "agents.AgentConfig", "smart_toy"),
            ("Published versions", "agents.AgentVersion", "published_with_changes"),
            ("Model providers", "agents.ModelProvider", "cloud"),
        ],
    ),
    (
        "Usage",
        [
            ("Budgets", "agents.Budget", "savings"),
            ("Use of models", "agents.UsageRecord", "monitoring"),
        ],
    ),
    (
        "Knowledge",
        [
            ("Documents", "knowledge.Document", "description"),
            ("Try a search", "knowledge.Document", "manage_search", "search"),
        ],
    ),
    ("Conversations", [("Conversations", "agents.Conversation", "forum")]),
    ("Jobs", [("Jobs", "procrastinate.ProcrastinateJob", "manufacturing")]),
    ("Audit", [("Audit trail", "tenants.AuditEntry", "history")]),
]
PAGES = {page for _, entries in SECTIONS for _, _, _, *pages in entries for page in pages}


def sections(request):
    """The sections, as unfold's SIDEBAR wants them; one that would be empty is left out."""
    found = [
        {"title": title, "items": [*filter(None, (_item(request, *entry) for entry in entries))]}
        for title, entries in SECTIONS
    ]
    return [section for section in found if section["items"]]


def subheader(request):
    """Under the site's name: whose rows these are."""
    user = request.user
    if not user.is_authenticated or not admin.site.has_permission(request):
        return None
    if user.acts_as_platform:
        return "Platform staff"
    return (user.staff_access or user).organization.name


def notices(request):
    """What stands above every page's own messages: for whom platform staff act, and how long."""
    if not request.user.is_authenticated or request.user.staff_access is None:
        return {}
    text = render_to_string("tenants/acting.html", {"access": request.user.staff_access}, request)
    banner = Message(messages.WARNING, text)
    return {"messages": [banner, *messages.get_messages(request)]}


def favicon(request):
    return static("common/favicon.svg")


def _item(request, title, label, icon, page="changelist"):
    model = apps.get_model(label)
    model_admin = admin.site.get_model_admin(model)
    if not model_admin.has_view_permission(request):
        return None
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    return {
        "title": title,
        "icon": icon,
        "link": reverse(f"{name}_{page}"),
        "active": _is_active(request.path, reverse(f"{name}_changelist"), page),
        "add_link": reverse(f"{name}_add") if _can_add(request, model_admin, page) else None,
    }


def _can_add(request, model_admin, page):
    return page == "changelist" and model_admin.has_add_permission(request)


def _is_active(path, changelist, page):
    """Of a model's entries one is active: that of the page, else that of the list."""
    below = path.removeprefix(changelist).strip("/")
    if not path.startswith(changelist):
        return False
    return (below if below in PAGES else "changelist") == page
