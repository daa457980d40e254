"""Settings, read from the environment. Without DATABASE_URL they name the embedded database."""

import ipaddress
import os
from typing import Any

import environ
from csp.constants import NONE, SELF, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured

from common import embedded, logins
from common.database_url import database_from_url
from common.home import ROOT, home_directory, secret
from config.prices import model_prices

env = environ.Env()

HOME = home_directory()
HOST = env.str("HOST", default="127.0.0.1")
try:
    PORT = env.int("PORT", default=8000)
except ValueError as error:
    raise ImproperlyConfigured(
        f"PORT={os.environ['PORT']} is no port: choose one such as 8000."
    ) from error
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or secret("SECRET_KEY")
FIELD_KEYS = env.list("FIELD_KEYS", default=[]) or [secret("FIELD_KEYS")]
IS_EMBEDDED = not env.str("DATABASE_URL", default="")


def _is_loopback(host):
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# Demo accounts share a password that everybody knows: never where others can reach them.
CHANCERY_DEMO = env.bool("CHANCERY_DEMO", default=False)
if CHANCERY_DEMO and not (IS_EMBEDDED and _is_loopback(HOST)):
    raise ImproperlyConfigured(
        "CHANCERY_DEMO is for the embedded database on a loopback address. "
        "Unset it, or unset DATABASE_URL and HOST."
    )

# Databases: one database, and a login for each kind of work (common.logins)

LOGIN = env.str("CHANCERY_LOGIN", default="app")
# How connections introduce themselves, and what the audit trail says of changes by no person.
PROGRAM = f"chancery {env.str('CHANCERY_PROGRAM', default='python')}"
POOL_SIZE = env.int("DATABASE_POOL_SIZE", default=0)


def _database(variable, login):
    if IS_EMBEDDED:
        found = embedded.database_settings(login)
    else:
        found = database_from_url(variable) if env.str(variable, default="") else {}
        if found and found["USER"] != login:
            raise ImproperlyConfigured(
                f"{variable} must sign in as {login}, not {found['USER']}. "
                "`manage.py create_logins` makes that login."
            )
    options: Any = found.get("OPTIONS", {})
    return found | {
        "ENGINE": "common.postgresql",
        "OPTIONS": {"application_name": PROGRAM} | options | _pool(login),
        "CONN_HEALTH_CHECKS": True,
    }


def _pool(login):
    if not POOL_SIZE or login == logins.OWNER:
        return {}
    return {"pool": {"min_size": 0, "max_size": POOL_SIZE, "timeout": 10}}


DATABASES = {
    "default": (
        _database("DATABASE_OWNER_URL", logins.OWNER)
        if LOGIN == "owner"
        else _database("DATABASE_URL", logins.APP)
    ),
    "platform": _database("DATABASE_PLATFORM_URL", logins.PLATFORM)
    | {"TEST": {"MIRROR": "default"}},
}
if not DATABASES["default"].get("NAME"):
    raise ImproperlyConfigured(
        "This command connects as the owner of the database: set DATABASE_OWNER_URL. "
        "`manage.py create_logins` prints it."
    )
DATABASE_ROUTERS = ["tenants.routers.LoginRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Applications

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "common.apps.AdminConfig",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "procrastinate.contrib.django",
    "rest_framework",
    "django_filters",
    "guardian",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "common",
    "tenants",
    "django.contrib.auth",  # after tenants, whose changepassword takes the place of its own
    "knowledge",
    "agents",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "common.middleware.HeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "common.middleware.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "tenants.middleware.OrganizationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"
# Whoever posts here is nobody yet, whatever session or token they still have.
SIGN_IN_PATHS = (
    "/api/v1/auth/login/",
    "/api/v1/auth/password/reset/",
    "/api/v1/auth/email/verify/confirm/",
    "/session/login/",
    "/admin/login/",
    "/admin/password_reset/",
    "/admin/reset/",
    "/admin/verify/",
)
# Where platform staff deal with themselves: the platform's even while they act for somebody.
PLATFORM_PATHS = frozenset({"/admin/password_change/", "/admin/tenants/staffaccess/stop/"})

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "platform" / "common" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# People and passwords

AUTH_USER_MODEL = "tenants.User"
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # names are unique among the living: a conditional constraint
    "guardian.W001",  # grants are asked by the same backend as roles
]
AUTHENTICATION_BACKENDS = ["tenants.backends.LoginBackend", "tenants.backends.RoleBackend"]
# Grants (tenants.models.grant): guardian's groups are roles, and nobody is anonymous.
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
GUARDIAN_MONKEY_PATCH_GROUP = False
GUARDIAN_USER_OBJ_PERMS_MODEL = "tenants.ProjectUserGrant"  # of each kind of row, its own
GUARDIAN_GROUP_OBJ_PERMS_MODEL = "tenants.ProjectRoleGrant"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["username", "email", "full_name"]},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "/api/v1/"
TOKEN_LIFETIME_DAYS = env.int("TOKEN_LIFETIME_DAYS", default=30)
PASSWORD_RESET_TIMEOUT = 4 * 3600  # seconds that a link in a mail is good for

# How much a window has of what can be tried (tenants.throttle): by an account from one address,
# from one address by whatever account, by an account from all addresses that are new to it.
THROTTLE_WINDOW_SECONDS = env.int("THROTTLE_WINDOW_SECONDS", default=900)


def _limits(variable, default):
    try:
        limits = tuple(env.list(variable, cast=int, default=default))
    except ValueError:
        limits = ()
    if len(limits) != 3 or min(limits) < 1:
        raise ImproperlyConfigured(f"{variable} must be three numbers such as 10,300,50.")
    return limits


SIGN_IN_LIMITS = _limits("SIGN_IN_LIMITS", [10, 300, 50])
MAIL_LIMITS = _limits("MAIL_LIMITS", [5, 50, 10])

# Transport: plain HTTP is for a loopback address, or where HTTPS=0 says that it must do

HTTPS = env.bool("HTTPS", default=not _is_loopback(HOST))
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", HOST])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "style-src": [SELF, UNSAFE_INLINE],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# Language, time, files

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
MEDIA_ROOT = HOME / "files"
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
MAX_UPLOAD_BYTES = env.int("MAX_UPLOAD_BYTES", default=100_000_000)

# Jobs: a worker says that it lives, and is taken for dead after so many seconds without a word.
# Whatever keeps Python busy in one piece for longer must run in another process.

PROCRASTINATE_WORKER_DEFAULTS = {
    "update_heartbeat_interval": 2.0,
    "stalled_worker_timeout": 10.0,
    "delete_jobs": "successful",
    "shutdown_graceful_timeout": 6.0,  # what lasts longer is left to the next worker
}

# Mails: to the log of the worker, unless a server is named. Links lead to PUBLIC_URL, for what a
# request says of its host could be anybody's.

vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 20  # seconds
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Chancery <chancery@localhost>")
PUBLIC_URL = env.str("PUBLIC_URL", default=f"{'https' if HTTPS else 'http'}://{HOST}:{PORT}")

# Models: what a provider needs before an agent can run its models (agents.providers). Without a
# base URL it is the one of the company that made the protocol.

GEMINI_API_KEY = env.str("GEMINI_API_KEY", default="")
GEMINI_BASE_URL = env.str("GEMINI_BASE_URL", default="")
OPENAI_API_KEY = env.str("OPENAI_API_KEY", default="")
OPENAI_BASE_URL = env.str("OPENAI_BASE_URL", default="")
ANTHROPIC_API_KEY = env.str("ANTHROPIC_API_KEY", default="")
ANTHROPIC_BASE_URL = env.str("ANTHROPIC_BASE_URL", default="")
OLLAMA_HOST = env.str("OLLAMA_HOST", default="")

# What a million tokens of a model by the platform's key cost (agents.accounting.prices).
MODEL_PRICES = model_prices(env, "MODEL_PRICES")

# Answers that a web process gives at once at /v1/, half of them to one organization at most.
COMPLETIONS_AT_ONCE = env.int("COMPLETIONS_AT_ONCE", default=64)

# How long a model may take, and how much it may send (agents.providers.limits).
MODEL_CONNECT_SECONDS = env.float("MODEL_CONNECT_SECONDS", default=10.0)
MODEL_FIRST_TOKEN_SECONDS = env.float("MODEL_FIRST_TOKEN_SECONDS", default=120.0)
MODEL_SILENCE_SECONDS = env.float("MODEL_SILENCE_SECONDS", default=60.0)
MODEL_RETRIES = env.int("MODEL_RETRIES", default=3)
MODEL_RETRY_SECONDS = env.float("MODEL_RETRY_SECONDS", default=0.5)
MODEL_LONGEST_RETRY_SECONDS = env.float("MODEL_LONGEST_RETRY_SECONDS", default=20.0)
# The window of a model whose provider does not say it.
MODEL_CONTEXT_TOKENS = env.int("MODEL_CONTEXT_TOKENS", default=32_000)
MODEL_MAX_CHARACTERS = env.int("MODEL_MAX_CHARACTERS", default=1_000_000)
MODEL_MAX_TOOL_CALLS = env.int("MODEL_MAX_TOOL_CALLS", default=64)
MODEL_MAX_LINE_BYTES = env.int("MODEL_MAX_LINE_BYTES", default=4_000_000)
MODEL_MAX_BYTES = env.int("MODEL_MAX_BYTES", default=64_000_000)
# Where organizations' own providers may be beside public addresses; plain HTTP is for these alone.
try:
    MODEL_ORGANIZATION_NETWORKS = [
        ipaddress.ip_network(network)
        for network in env.list("MODEL_ORGANIZATION_NETWORKS", default=[])
    ]
except ValueError as error:
    raise ImproperlyConfigured(
        "MODEL_ORGANIZATION_NETWORKS must be networks such as 10.20.0.0/16,fd00::/64."
    ) from error

# Embedding (knowledge.embedding): the model that runs here, or SERVICE:MODEL with what it needs.
# EMBEDDING_API_KEY goes to EMBEDDING_BASE_URL; a provider's key above only to the provider itself.

EMBEDDING_MODEL = env.str("EMBEDDING_MODEL", default="")
EMBEDDING_BASE_URL = env.str("EMBEDDING_BASE_URL", default="")
EMBEDDING_API_KEY = env.str("EMBEDDING_API_KEY", default="")
MODELS_DIRECTORY = HOME / "models"

# The admin

UNFOLD = {
    "SITE_TITLE": "Chancery",
    "SITE_HEADER": "Chancery",
    "SITE_SUBHEADER": "config.navigation.subheader",
    "SITE_SYMBOL": "account_balance",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "config.navigation.favicon"},
    ],
    "GLOBAL_CALLBACK": "config.navigation.notices",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {"navigation": "config.navigation.sections"},
}

# The API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.api.authentication.OrganizationAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.api.permissions.HoldsPermission"],
    "DEFAULT_PARSER_CLASSES": [
        "common.api.parsers.JSONParser",
        "common.api.parsers.MultiPartParser",
        "common.api.parsers.FormParser",
    ],
    "DEFAULT_PAGINATION_CLASS": "common.api.pagination.CursorPagination",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "common.api.problems.handle_exception",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Chancery",
    "DESCRIPTION": "AI agents over an organization's own documents.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "PermissionName": "tenants.permissions.Permissions",
        "AgentType": "agents.models.agent.AgentType",
        "MessageRole": "agents.models.Message.Role",
        "MessageStatus": "agents.models.Message.Status",
        "ProviderKind": "agents.models.provider.ProviderKind",
        "ProcessingStatus": "knowledge.models.Document.Status",
        "GrantAction": "tenants.grants.ACTIONS",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "common.api.schema.add_problems",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "persistAuthorization": True},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    # A refusal is the caller's business; what broke here is logged as an error.
    "loggers": {"django.request": {"level": "ERROR"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "WARNING")},
}
