"""The option --organization of commands."""

from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from tenants.lookup import find_organization


def add_organization(parser: Any) -> None:
    parser.add_argument("--organization", metavar="SLUG", help="act for this organization")


def organization_named(slug: str) -> UUID:
    organization_id = find_organization(slug)
    if organization_id is None:
        raise CommandError(f"There is no organization {slug}.")
    return organization_id
