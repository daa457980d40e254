"""Who may write what in the admin. What is not here is nobody's. Rows: see `allowed_api`.

Who is no staff ("boss", "anonymous", "deactivated") comes in nowhere; Globex's owner ("foreigner")
is staff, and Acme's rows are not there for them. Platform staff have the control plane, no content.
"""

from config.tests.escalation.judging import Rule

_PERSON = "username; email; full_name"
_RIGHTS = "is_active; is_staff; granted_roles:none; granted_roles:empty"
_ROLES = "granted_roles:own; granted_roles:owner; granted_roles:people; granted_roles:roles"
_PERMISSIONS = "granted_permissions:users; granted_permissions:roles; granted_permissions:all"
_PROJECT = "name; description; is_active; manager:own; manager:boss; manager:nobody"
_MEMBERS = (
    "memberships.user:own>+ProjectMember; memberships.user:boss>+ProjectMember;"
    "memberships.user:nobody>+ProjectMember; memberships.DELETE>-ProjectMember"
)
_AGENT = (
    "name; slug; description; agent_type; model_name; is_active; system_prompt; temperature;"
    "fallback_model; max_tokens; tools; metadata; project:own; project:joined"
)
_KEY = "ModelProvider.key_end ModelProvider.sealed_key"
_DETAILS = "name; description; email; phone; website"
_CHOSEN = "is_searchable; is_restricted; metadata"
_FILE = "file>+Document.file_size +Document.filename +Document.sha256"


def _grants(name: str, actions: str) -> str:
    """What may be given and taken back on a row; nothing of a grant is changed."""
    kind = {"Agent": "agentconfig"}.get(name, name.lower())
    whats = [
        f"{side}.permission:{action}_{kind}>+{name}{table}"
        for side, table in (("user_grants", "UserGrant"), ("role_grants", "RoleGrant"))
        for action in actions.split()
    ]
    whats += [f"user_grants.user:{who}>+{name}UserGrant" for who in ("boss", "nobody")]
    roles = ("owner", "people", "roles", "empty")
    whats += [f"role_grants.group:{role}>+{name}RoleGrant" for role in roles]
    whats += [f"user_grants.DELETE>-{name}UserGrant", f"role_grants.DELETE>-{name}RoleGrant"]
    return "; ".join(whats)


ALLOWED_IN_ADMIN = [
    # Organizations
    Rule("owner", "change Organization", "own", _DETAILS),
    Rule(
        "staff",
        "add Organization",
        "",
        f"does>+Organization +OrganizationUsage; {_DETAILS}; slug; is_active; max_users;"
        "max_projects; max_storage_gb; retention_days",
    ),
    Rule(
        "staff",
        "change Organization",
        "own",
        f"{_DETAILS}; slug; is_active; max_users; max_projects; max_storage_gb; retention_days",
    ),
    Rule("staff", "tenants_organization_act Organization", "own", "does>+StaffAccess"),
    Rule("staff", "delete Organization", "own", "does>~Organization"),
    Rule("staff", "delete_selected Organization", "own", "does>~Organization"),
    # People: of no more rights than one's own; of oneself nobody changes the rights
    Rule(
        "owner staff people",
        "add User",
        "",
        f"does>+User; {_PERSON}; is_active; is_staff; password",
    ),
    Rule("owner people", "add User", "", "granted_roles:people; granted_roles:empty"),
    Rule("owner", "add User", "", _ROLES),
    Rule(
        "staff",
        "add User",
        "",
        "granted_roles:owner;organization:other>+User +globex:User globex:OrganizationUsage.users",
    ),
    Rule("owner staff", "change User", "boss nobody", f"{_PERSON}; {_RIGHTS}; {_ROLES}"),
    Rule(
        "staff",
        "change User",
        "platform",
        "username>platform:User.username; email>platform:User.email;"
        "full_name>platform:User.full_name;"
        "together>platform:User.email platform:User.full_name platform:User.username",
    ),
    Rule(
        "people",
        "change User",
        "peer nobody",
        f"{_PERSON}; {_RIGHTS}; granted_roles:people",
    ),
    Rule("owner people", "change User", "self", _PERSON),
    Rule("owner staff", "auth_user_password_change User", "nobody", "does>User.password"),
    Rule(
        "owner staff",
        "auth_user_password_change User",
        "boss",
        "does>User.password ~AccessToken",
    ),
    Rule("people", "auth_user_password_change User", "peer nobody", "does>User.password"),
    Rule("owner staff", "restore User", "deleted", "does>~User"),
    Rule("owner staff", "delete User", "boss nobody", "does>~User"),
    Rule("owner staff", "delete_selected User", "boss nobody", "does>~User"),
    # Roles: an organization's own
    Rule("owner staff", "add Role", "", f"does>+Role; name; description; {_PERMISSIONS}"),
    Rule("staff", "add Role", "", "organization:other>+Role +globex:Role"),
    Rule(
        "owner staff",
        "change Role",
        "own roles empty",
        f"name; description; {_PERMISSIONS}; granted_permissions:none",
    ),
    Rule("owner staff", "delete Role", "own roles empty", "does>~Role"),
    Rule("owner staff", "delete_selected Role", "own roles empty", "does>~Role"),
    Rule("owner staff", "restore Role", "deleted", "does>~Role"),
    Rule("roles", "change Role", "roles empty", "name; description"),
    Rule("roles", "change Role", "roles", "granted_permissions:none"),
    Rule("roles", "change Role", "empty", "granted_permissions:roles"),
    # Tokens: revoked, of people within reach
    Rule("owner", "delete AccessToken", "mine own boss", "does>~AccessToken"),
    Rule("owner", "revoke AccessToken", "mine own boss", "does>~AccessToken"),
    Rule("staff", "delete AccessToken", "own boss", "does>~AccessToken"),
    Rule("staff", "revoke AccessToken", "own boss", "does>~AccessToken"),
    Rule("people", "delete AccessToken", "mine", "does>~AccessToken"),
    Rule("people", "revoke AccessToken", "mine", "does>~AccessToken"),
    # Projects
    Rule("owner manager", "add Project", "", f"does>+Project +ProjectMember; {_PROJECT}"),
    Rule("owner manager", "add Project", "", "manager:self"),
    Rule("staff", "add Project", "", f"does>+Project; {_PROJECT}"),
    Rule(
        "staff",
        "add Project",
        "",
        "organization:other>+Project +globex:Project globex:OrganizationUsage.projects",
    ),
    Rule("owner manager staff", "change Project", "own joined", f"{_PROJECT}; {_MEMBERS}"),
    Rule(
        "owner manager",
        "change Project",
        "own joined",
        "manager:self; memberships.user:self>+ProjectMember",
    ),
    Rule("owner manager staff", "delete Project", "own joined", "does>~Project"),
    Rule("owner manager staff", "delete_selected Project", "own joined", "does>~Project"),
    Rule("owner manager staff", "restore Project", "deleted", "does>~Project"),
    Rule("owner manager staff", "change Project", "own", _grants("Project", "view change")),
    Rule("owner manager", "change Project", "own", "user_grants.user:self>+ProjectUserGrant"),
    # Agents
    Rule("owner manager staff", "add AgentConfig", "", f"does>+AgentConfig; {_AGENT}"),
    Rule("staff", "add AgentConfig", "", "organization:other>+AgentConfig +globex:AgentConfig"),
    Rule(
        "owner manager staff",
        "change AgentConfig",
        "own joined",
        f"{_AGENT}; project:none",
    ),
    Rule(
        "owner manager staff",
        "delete AgentConfig",
        "own joined",
        "does>~AgentConfig",
    ),
    Rule(
        "owner manager staff",
        "delete_selected AgentConfig",
        "own joined",
        "does>~AgentConfig",
    ),
    Rule(
        "owner manager staff",
        "publish AgentConfig",
        "own joined",
        "does>+AgentVersion",
    ),
    Rule(
        "owner manager staff",
        "save_and_publish AgentConfig",
        "own joined",
        "does>+AgentVersion",
    ),
    Rule("owner manager staff", "restore AgentConfig", "deleted", "does>~AgentConfig"),
    Rule("owner manager staff", "change AgentConfig", "own", _grants("Agent", "view use change")),
    Rule("owner manager", "change AgentConfig", "own", "user_grants.user:self>+AgentUserGrant"),
    # Model providers: a key goes nowhere with its provider
    Rule(
        "owner staff",
        "add ModelProvider",
        "",
        "does>+ModelProvider; name; kind; base_url; models; is_active;"
        "api_key>+ModelProvider.sealed_key; together>+ModelProvider.sealed_key",
    ),
    Rule(
        "staff",
        "add ModelProvider",
        "",
        "organization:other>+ModelProvider +globex:ModelProvider",
    ),
    Rule(
        "owner staff",
        "change ModelProvider",
        "own",
        f"name; kind; base_url; models; is_active; api_key>{_KEY}; together>{_KEY}",
    ),
    Rule("owner staff", "delete ModelProvider", "own", "does>~ModelProvider"),
    Rule("owner staff", "delete_selected ModelProvider", "own", "does>~ModelProvider"),
    Rule("owner staff", "restore ModelProvider", "deleted", "does>~ModelProvider"),
    # Budgets: what one counts stays
    Rule("owner staff", "add Budget", "", "does>+Budget; name; currency; period; limit"),
    Rule("owner staff", "add Budget", "", "project:own; project:joined; agent:own; agent:joined"),
    Rule("owner staff", "add Budget", "", "agent:unjoined; agent:shared"),
    Rule("owner staff", "add Budget", "", "user:own; user:boss; user:nobody"),
    Rule("owner", "add Budget", "", "user:self"),
    Rule("staff", "add Budget", "", "organization:other>+Budget +globex:Budget"),
    Rule("owner staff", "change Budget", "own", "name; limit"),
    Rule("owner staff", "delete Budget", "own", "does>~Budget"),
    Rule("owner staff", "delete_selected Budget", "own", "does>~Budget"),
    Rule("owner staff", "restore Budget", "deleted", "does>~Budget"),
    # Documents; who restricts one is granted it
    Rule("owner manager", "restore Document", "deleted", "does>~Document"),
    Rule("owner manager", "change Document", "own", _grants("Document", "view change")),
    Rule("owner manager", "change Document", "own", "user_grants.user:self>+DocumentUserGrant"),
    Rule(
        "owner manager member",
        "add Document",
        "",
        f"does>+Document; {_CHOSEN}; together>+DocumentUserGrant; project:joined; {_FILE}",
    ),
    Rule("owner manager", "add Document", "", "project:own"),
    Rule(
        "owner manager",
        "change Document",
        "own joined unjoined",
        f"{_CHOSEN}; language; project:none; project:own; project:joined;"
        "together>+DocumentUserGrant Document.is_language_chosen",
    ),
    Rule("owner manager", "delete Document", "own joined unjoined", "does>~Document"),
    Rule("owner manager", "delete_selected Document", "own joined unjoined", "does>~Document"),
    Rule("owner manager", "read_again Document", "own", "does>Document.error"),
    Rule("owner manager", "read_failed_again Document", "own", "does>Document.error"),
]
