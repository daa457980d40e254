"""The three logins of the database, and which management commands connect as its owner."""

OWNER = "chancery_owner"  # migrations, fixtures, backups; never in the web process or a worker
APP = "chancery_app"  # the web process and the workers; row level security always applies
PLATFORM = "chancery_platform"  # platform staff in the admin; the control plane, no content

OWNER_COMMANDS = frozenset(
    {
        "changepassword",
        "createcachetable",
        "createsuperuser",
        "dumpdata",
        "flush",
        "index_organizations",
        "loaddata",
        "makemigrations",
        "migrate",
        "optimizemigration",
        "purge",
        "reembed",
        "showmigrations",
        "sqlmigrate",
        "squashmigrations",
    }
)


def connects_as_owner(command: str) -> bool:
    return command in OWNER_COMMANDS or command.startswith("verify_")
