"""Who may write what over the API. What is not here is nobody's.

Rows are called as in `attempts.scene`: "own" is Acme's, "other" Globex's; "boss" an owner, "peer"
somebody of the role "people" (who adds and changes people), "nobody" of no role. Of roles, "viewer"
and "owner" are built in; "people", "roles" (who changes roles), "wide" and "empty" are Acme's.
"""

from config.tests.escalation.judging import Rule

_AGENT = (
    "name; slug; description; agent_type; model_name; is_active; system_prompt; temperature;"
    "fallback_model; max_tokens; tools; metadata; project:own; project:joined"
)
_KEY = "ModelProvider.key_end ModelProvider.sealed_key"
_PERSON = "email; username; full_name"
_EVERYBODY = "manager:self; manager:boss; manager:peer; manager:nobody; manager:viewer; manager:own"


def _grants(path: str, table: str) -> list[Rule]:
    """Beside the one tried first: to "nobody", or to "empty". "own" is granted it already."""
    to_role = table.replace("User", "Role")
    people = f"user:own>+{table}; user:self; user:boss; user:viewer; user:peer"
    built_in = f"+{to_role}.group +{to_role}.role_scope"
    roles = "; ".join(
        [
            f"role:own>+{to_role}",
            *(f"role:{name}>{built_in}" for name in ("owner", "viewer")),
            *(f"role:{name}>+{to_role}.group" for name in ("people", "roles", "wide")),
        ]
    )
    return [
        Rule(
            "owner manager",
            f"POST {path}/grants/ {kind}",
            "own",
            f"does>+{made}; action>+{made}.permission; {to}",
        )
        for kind, made, to in (("user", table, people), ("role", to_role, roles))
    ] + [
        Rule("owner manager", f"DELETE {path}/grants/{{pk}}/", "own", f"does>-{table}"),
        Rule("owner manager", f"DELETE {path}/grants/{{pk}}/", "role", f"does>-{to_role}"),
    ]


def _of_replies(who: str, which: str) -> list[Rule]:
    """ "own" is the owner's own, too."""
    path, given = "conversations/{conversation_pk}/messages/{pk}", "+MessageFeedback"
    opinion = f"does>{given}; rating>{given}.rating; comment>{given}.comment;"
    return [
        Rule(who, f"POST {path}/regenerate/", which, "does>+Message"),
        Rule(
            who,
            f"POST {path}/feedback/",
            which,
            f"{opinion} together>{given}.comment {given}.rating",
        ),
    ]


ALLOWED_OVER_API = [
    # Tokens: each ends their own
    Rule(
        "owner manager member viewer people roles",
        "DELETE tokens/{pk}/",
        "mine",
        "does>~AccessToken",
    ),
    # People: of no more rights than one's own; nobody gives more than they hold
    Rule("owner", "POST users/", "", f"does>+User; {_PERSON}; is_active; password"),
    Rule("owner", "POST users/", "", "roles:own; roles:owner; roles:viewer; roles:people"),
    Rule("owner", "POST users/", "", "roles:roles; roles:wide; roles:empty"),
    Rule("owner", "PATCH users/{pk}/", "self boss nobody", _PERSON),
    Rule(
        "owner",
        "PATCH users/{pk}/",
        "boss nobody",
        "is_active; roles:none; roles:own; roles:owner; roles:viewer; roles:people; roles:roles;"
        "roles:wide; roles:empty",
    ),
    Rule("owner", "DELETE users/{pk}/", "boss nobody", "does>~User"),
    Rule("owner", "POST users/{pk}/restore/", "deleted", "does>~User"),
    Rule("people", "POST users/", "", f"does>+User; {_PERSON}; is_active; password"),
    Rule("people", "POST users/", "", "roles:people; roles:empty"),
    Rule("people", "PATCH users/{pk}/", "self peer nobody", _PERSON),
    Rule(
        "people",
        "PATCH users/{pk}/",
        "peer nobody",
        "is_active; roles:none; roles:people; roles:empty",
    ),
    # Roles: Acme's own; "roles" those that hold nothing which they lack
    Rule("owner", "POST roles/", "", "does>+Role; name; description"),
    Rule("owner", "POST roles/", "", "permissions:users; permissions:roles; permissions:all"),
    Rule(
        "owner",
        "PATCH roles/{pk}/",
        "own people roles wide empty",
        "name; description; permissions:none; permissions:users; permissions:roles;permissions:all",
    ),
    Rule("owner", "DELETE roles/{pk}/", "own people roles wide empty", "does>~Role"),
    Rule("owner", "POST roles/{pk}/restore/", "deleted", "does>~Role"),
    Rule("roles", "PATCH roles/{pk}/", "roles empty", "name; description"),
    Rule("roles", "PATCH roles/{pk}/", "roles", "permissions:none"),
    Rule("roles", "PATCH roles/{pk}/", "empty", "permissions:roles"),
    # The organization: its own details, never its limits
    Rule("owner", "PATCH organization/", "", "name; description; email; phone; website"),
    # Projects
    Rule("owner manager", "POST projects/", "", "does>+Project +ProjectMember; name; description"),
    Rule("owner manager", "POST projects/", "", f"is_active; {_EVERYBODY}"),
    Rule(
        "owner manager",
        "PATCH projects/{pk}/",
        "own joined",
        f"name; description; is_active; {_EVERYBODY}",
    ),
    Rule("owner manager", "DELETE projects/{pk}/", "own joined", "does>~Project"),
    Rule("owner manager", "POST projects/{pk}/restore/", "deleted", "does>~Project"),
    Rule(
        "owner manager",
        "POST projects/{project_pk}/members/",
        "own joined",
        "does>+ProjectMember; user:peer; user:nobody; user:self>+ProjectMember;"
        "user:boss>+ProjectMember; user:viewer>+ProjectMember; user:peer>+ProjectMember;"
        "user:nobody>+ProjectMember",
    ),
    Rule(
        "owner manager",
        "DELETE projects/{project_pk}/members/{user_id}/",
        "self viewer",
        "does>-ProjectMember",
    ),
    # Grants: given and taken back by who may change the row, of what they hold
    *(
        rule
        for path, table in [
            ("projects/{project_pk}", "ProjectUserGrant"),
            ("agents/{agent_pk}", "AgentUserGrant"),
            ("documents/{document_pk}", "DocumentUserGrant"),
        ]
        for rule in _grants(path, table)
    ),
    # Agents
    Rule(
        "owner manager",
        "POST agents/",
        "",
        f"does>+AgentConfig; {_AGENT}; template>+AgentConfig.temperature +AgentConfig.tools",
    ),
    Rule(
        "owner manager",
        "PATCH agents/{pk}/",
        "own shared joined unjoined",
        f"{_AGENT}; project:none",
    ),
    Rule("owner manager", "DELETE agents/{pk}/", "own shared joined unjoined", "does>~AgentConfig"),
    Rule("owner manager", "POST agents/{pk}/restore/", "deleted", "does>~AgentConfig"),
    Rule(
        "owner manager",
        "POST agents/{pk}/publish/",
        "own shared joined unjoined",
        "does>+AgentVersion; note>+AgentVersion.note; version>+AgentVersion.note;"
        "together>+AgentVersion.note",
    ),
    # Model providers: a key goes nowhere with its provider
    Rule(
        "owner",
        "POST providers/",
        "",
        "does>+ModelProvider; name; kind; base_url; models; is_active;"
        "api_key>+ModelProvider.sealed_key; together>+ModelProvider.sealed_key",
    ),
    Rule(
        "owner",
        "PATCH providers/{pk}/",
        "own",
        f"name; kind; base_url; models; is_active; api_key>{_KEY}; together>{_KEY}",
    ),
    Rule("owner", "DELETE providers/{pk}/", "own", "does>~ModelProvider"),
    Rule("owner", "POST providers/{pk}/restore/", "deleted", "does>~ModelProvider"),
    # Budgets: what one counts stays
    Rule("owner", "POST budgets/", "", "does>+Budget; name; currency; period; limit"),
    Rule("owner", "POST budgets/", "", "project:own; project:joined; user:self; user:own"),
    Rule("owner", "POST budgets/", "", "user:boss; user:peer; user:viewer; user:nobody"),
    Rule("owner", "POST budgets/", "", "agent:own; agent:joined; agent:unjoined; agent:shared"),
    Rule("owner", "PATCH budgets/{pk}/", "own", "name; limit"),
    Rule("owner", "DELETE budgets/{pk}/", "own", "does>~Budget"),
    Rule("owner", "POST budgets/{pk}/restore/", "deleted", "does>~Budget"),
    # Documents
    Rule(
        "owner manager member",
        "POST documents/",
        "",
        "does>+Document; is_searchable; metadata; project:joined;"
        "is_restricted; together>+DocumentUserGrant;"
        "file>+Document.file_size +Document.filename +Document.sha256",
    ),
    Rule("owner manager", "POST documents/", "", "project:own"),
    Rule(
        "owner manager member",
        "POST documents/import/",
        "",
        "does>+Document; is_searchable; metadata; project:joined;"
        "is_restricted; together>+DocumentUserGrant",
    ),
    Rule("owner manager", "POST documents/import/", "", "project:own"),
    Rule(
        "owner manager",
        "PATCH documents/{pk}/",
        "own joined unjoined",
        "is_searchable; metadata; language; project:none; project:own; project:joined;"
        "is_restricted; together>+DocumentUserGrant Document.is_language_chosen",
    ),
    Rule("owner manager", "DELETE documents/{pk}/", "own joined unjoined", "does>~Document"),
    Rule("owner manager", "POST documents/{pk}/reprocess/", "own", "does>Document.error"),
    Rule("owner manager", "POST documents/{pk}/restore/", "deleted", "does>~Document"),
    # Conversations: one's own
    Rule(
        "owner manager member",
        "POST conversations/{pk}/restore/",
        "mine-deleted",
        "does>~Conversation",
    ),
    Rule(
        "owner manager member",
        "POST conversations/",
        "",
        "does>+Conversation; title; agent:own; agent:joined",
    ),
    Rule("owner manager", "POST conversations/", "", "project:own"),
    Rule(
        "owner manager",
        "POST conversations/",
        "",
        "draft>+Conversation.is_draft; together>+Conversation.is_draft",
    ),
    Rule("owner manager member", "PATCH conversations/{pk}/", "mine", "title"),
    Rule("owner manager member", "DELETE conversations/{pk}/", "mine", "does>~Conversation"),
    Rule(
        "owner manager member",
        "POST conversations/{conversation_pk}/messages/",
        "mine",
        "does>+Message Conversation.title; content>+Message.content Conversation.title;"
        "reply_to:none",
    ),
    *_of_replies("owner", "mine own"),
    *_of_replies("manager member", "mine"),
]
