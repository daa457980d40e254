"""What PostgreSQL's own catalogue says about the tables, policies, privileges and functions."""

from typing import NamedTuple

from tenants.tests.sql import run

_IN_PUBLIC = "relnamespace = 'public'::regnamespace"


class Policy(NamedTuple):
    name: str
    permissive: str
    roles: tuple[str, ...]
    command: str
    using: str
    check: str | None


def tables() -> dict[str, tuple[bool, bool]]:
    """Whether row security is on, and on for the owner as well, by table."""
    found = run(
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class"
        f" WHERE {_IN_PUBLIC} AND relkind IN ('r', 'p', 'f')"
    )
    return {name: (enabled, forced) for name, enabled, forced in found}


def other_relations() -> set[str]:
    """Views and the like, which have no policy of their own."""
    found = run(
        "SELECT relname FROM pg_class"
        f" WHERE {_IN_PUBLIC} AND relkind NOT IN ('r', 'i', 'S', 'c', 't')"
    )
    return {name for (name,) in found}


def policies() -> dict[str, set[Policy]]:
    found: dict[str, set[Policy]] = {}
    for table, *policy in run(
        "SELECT tablename, policyname, permissive, roles::text[], cmd, qual, with_check"
        " FROM pg_policies WHERE schemaname = 'public'"
    ):
        name, permissive, roles, *rest = policy
        found.setdefault(table, set()).add(Policy(name, permissive, tuple(roles), *rest))
    return found


def privileges() -> dict[str, dict[str, set[str]]]:
    """By table or sequence, and grantee, the owner apart. A column's stand as "UPDATE (name)"."""
    found: dict[str, dict[str, set[str]]] = {}
    for relation, grantee, privilege in run(f"""
        SELECT relname, coalesce(rolname, 'PUBLIC'), privilege
        FROM (
            SELECT relname, grantee, privilege_type AS privilege
            FROM pg_class, aclexplode(relacl) WHERE {_IN_PUBLIC}
            UNION ALL
            SELECT relname, grantee, format('%s (%s)', privilege_type, attname)
            FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid, aclexplode(attacl)
            WHERE {_IN_PUBLIC}
        ) granted LEFT JOIN pg_roles ON pg_roles.oid = grantee
        WHERE rolname IS DISTINCT FROM 'chancery_owner'
    """):
        found.setdefault(relation, {}).setdefault(grantee, set()).add(privilege)
    return found


def constraints(kind: str) -> dict[str, dict[str, str]]:
    """Definitions by table and name: kind is p (primary key), u, f (foreign key) or c (check)."""
    found: dict[str, dict[str, str]] = {}
    for table, name, definition in run(
        "SELECT relname, conname, pg_get_constraintdef(pg_constraint.oid)"
        " FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid"
        f" WHERE {_IN_PUBLIC} AND contype = %s",
        [kind],
    ):
        found.setdefault(table, {})[name] = definition
    return found


def loose_foreign_keys() -> set[str]:
    """Those that are checked late, not checked at all, or change rows by themselves."""
    found = run(
        "SELECT conname FROM pg_constraint WHERE contype = 'f' AND"
        " connamespace = 'public'::regnamespace AND (condeferrable OR NOT convalidated"
        " OR NOT conenforced OR confdeltype <> 'a' OR confupdtype <> 'a')"
    )
    return {name for (name,) in found}


def indexes() -> dict[str, dict[str, tuple[bool, str]]]:
    """By table and name: whether unique, and the first column.

    Without those that `index_organizations` makes: each holds one organization's rows alone.
    """
    found: dict[str, dict[str, tuple[bool, str]]] = {}
    for table, name, unique, first in run(
        "SELECT relname, indexrelid::regclass::text, indisunique,"
        " pg_get_indexdef(indexrelid, 1, true)"
        f" FROM pg_index JOIN pg_class ON pg_class.oid = indrelid WHERE {_IN_PUBLIC}"
        " AND indexrelid::regclass::text !~ '^knowledge_nearest_[0-9a-f]{32}_[0-9a-f]{8}$'"
    ):
        found.setdefault(table, {})[name] = unique, first
    return found


class Function(NamedTuple):
    owner: str
    is_definer: bool
    volatility: str
    settings: tuple[str, ...]
    may_execute: frozenset[str]


def functions() -> dict[str, Function]:
    """The functions that no extension brought."""
    found = run(
        "SELECT oid::regprocedure::text, proowner::regrole::text, prosecdef, provolatile::text,"
        " coalesce(proconfig, '{}'), ARRAY(SELECT coalesce(rolname, 'PUBLIC') FROM"
        " aclexplode(coalesce(proacl, acldefault('f', proowner)))"
        " LEFT JOIN pg_roles ON pg_roles.oid = grantee)::text[]"
        " FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND NOT EXISTS"
        " (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')"
    )
    return {
        name: Function(owner, definer, volatility, tuple(settings), frozenset(execute))
        for name, owner, definer, volatility, settings, execute in found
    }


def triggers() -> set[tuple[str, str]]:
    return set(
        run(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid"
            f" = tgrelid WHERE {_IN_PUBLIC} AND NOT tgisinternal"
        )
    )


def everything() -> dict[str, object]:
    """All of it, to compare before and after."""
    return {
        "tables": tables(),
        "policies": policies(),
        "privileges": privileges(),
        "indexes": indexes(),
        "functions": functions(),
        "triggers": triggers(),
        **{kind: constraints(kind) for kind in "pufc"},
    }
