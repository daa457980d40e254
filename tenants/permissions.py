"""The catalogue of permissions and the built-in roles.

A permission is named as Django names its own, so that the admin, the API and templates all ask
`user.has_perm("knowledge.view_document")`. Rows are made from this by migration.
"""

from django.db import models


class Permissions(models.TextChoices):
    """Every right a role can hold inside an organization; labels are its description."""

    ORGANIZATION_VIEW = "tenants.view_organization", "See the organization and its quotas"
    ORGANIZATION_CHANGE = "tenants.change_organization", "Change the organization's own details"
    USERS_VIEW = "tenants.view_user", "See the people of the organization"
    USERS_ADD = "tenants.add_user", "Add people"
    USERS_CHANGE = "tenants.change_user", "Change people and their roles"
    USERS_DELETE = "tenants.delete_user", "Remove people"
    ROLES_VIEW = "tenants.view_role", "See roles and what they permit"
    ROLES_ADD = "tenants.add_role", "Add roles"
    ROLES_CHANGE = "tenants.change_role", "Change roles"
    ROLES_DELETE = "tenants.delete_role", "Delete roles"
    PROJECTS_VIEW = "tenants.view_project", "See the projects one has joined"
    PROJECTS_VIEW_ALL = "tenants.view_all_projects", "See every project"
    PROJECTS_ADD = "tenants.add_project", "Add projects"
    PROJECTS_CHANGE = "tenants.change_project", "Change projects and their members"
    PROJECTS_DELETE = "tenants.delete_project", "Delete projects"
    AGENTS_VIEW = "agents.view_agentconfig", "See published agents"
    AGENTS_USE = "agents.use_agentconfig", "Converse with agents"
    AGENTS_ADD = "agents.add_agentconfig", "Add agents"
    AGENTS_CHANGE = "agents.change_agentconfig", "Change and publish agents"
    AGENTS_DELETE = "agents.delete_agentconfig", "Delete agents"
    PROVIDERS_VIEW = "agents.view_modelprovider", "See the organization's model providers"
    PROVIDERS_ADD = "agents.add_modelprovider", "Add model providers with their keys"
    PROVIDERS_CHANGE = "agents.change_modelprovider", "Change model providers and their keys"
    PROVIDERS_DELETE = "agents.delete_modelprovider", "Delete model providers"
    BUDGETS_VIEW = "agents.view_budget", "See budgets and what is used of them"
    BUDGETS_ADD = "agents.add_budget", "Add budgets"
    BUDGETS_CHANGE = "agents.change_budget", "Change budgets"
    BUDGETS_DELETE = "agents.delete_budget", "Delete budgets"
    CONVERSATIONS_VIEW_ALL = "agents.view_all_conversations", "Read other people's conversations"
    DOCUMENTS_VIEW = "knowledge.view_document", "Read and search documents"
    DOCUMENTS_VIEW_ALL = "knowledge.view_all_documents", "Read the documents of every project"
    DOCUMENTS_ADD = "knowledge.add_document", "Upload documents"
    DOCUMENTS_CHANGE = "knowledge.change_document", "Change and reprocess documents"
    DOCUMENTS_DELETE = "knowledge.delete_document", "Delete documents"
    AUDIT_VIEW = "tenants.view_auditentry", "See who did what"
    USAGE_VIEW = "tenants.view_organizationusage", "See what the organization uses"


_VIEWER = {
    Permissions.ORGANIZATION_VIEW,
    Permissions.PROJECTS_VIEW,
    Permissions.DOCUMENTS_VIEW,
}
_MEMBER = _VIEWER | {
    Permissions.AGENTS_VIEW,
    Permissions.AGENTS_USE,
    Permissions.DOCUMENTS_ADD,
}
_MANAGER = _MEMBER | {
    Permissions.USERS_VIEW,
    Permissions.PROJECTS_VIEW_ALL,
    Permissions.PROJECTS_ADD,
    Permissions.PROJECTS_CHANGE,
    Permissions.PROJECTS_DELETE,
    Permissions.AGENTS_ADD,
    Permissions.AGENTS_CHANGE,
    Permissions.AGENTS_DELETE,
    Permissions.BUDGETS_VIEW,
    Permissions.DOCUMENTS_VIEW_ALL,
    Permissions.DOCUMENTS_CHANGE,
    Permissions.DOCUMENTS_DELETE,
    Permissions.USAGE_VIEW,
}

# What platform staff may do while they act for an organization: see all of it, change its content
# and configuration. Neither its people and their rights, by which somebody could come back later,
# nor converse with its agents, because the organization has no person who would be asking.
STAFF_ACTING = frozenset(
    right.value
    for right in (_MANAGER - {Permissions.AGENTS_USE})
    | {
        Permissions.ORGANIZATION_CHANGE,
        Permissions.ROLES_VIEW,
        Permissions.CONVERSATIONS_VIEW_ALL,
    }
)

OWNER = "Owner"

BUILT_IN_ROLES: dict[str, tuple[str, set[Permissions]]] = {
    OWNER: ("Everything in the organization", set(Permissions)),
    "Manager": ("Projects, agents, documents and who works in which project", _MANAGER),
    "Member": ("Uses agents, adds documents to the projects joined", _MEMBER),
    "Viewer": ("Reads and searches documents", _VIEWER),
}
