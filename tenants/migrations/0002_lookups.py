from django.db import migrations

from tenants.operations import CreateLookup

_PERSON = """
    FROM tenants_user u LEFT JOIN tenants_organization o ON o.id = u.organization_id
    WHERE u.is_active AND NOT u.is_deleted
      AND (u.organization_id IS NULL OR (o.is_active AND NOT o.is_deleted))
"""


class Migration(migrations.Migration):
    """What may be asked before an organization is known."""

    dependencies = [("tenants", "0001_initial")]

    operations = [
        CreateLookup(
            "tenants_find_login(login text)",
            returns="SETOF tenants_user",
            body=f"SELECT u.* {_PERSON} AND (u.email = lower(login) OR u.username = login)",
        ),
        CreateLookup(
            "tenants_find_user(user_id uuid)",
            returns="SETOF tenants_user",
            body=f"SELECT u.* {_PERSON} AND u.id = user_id",
        ),
        CreateLookup(
            "tenants_find_token(wanted text)",
            returns="TABLE (person tenants_user, token_id uuid, token_scopes jsonb)",
            body=f"""
                SELECT found.u, t.id, t.scopes
                FROM tenants_accesstoken t JOIN (SELECT u {_PERSON}) found ON (found.u).id = t.user_id
                WHERE t.digest = wanted AND t.expires_at > now() AND NOT t.is_deleted
            """,
        ),
        CreateLookup(
            "tenants_find_organization(wanted text)",
            returns="uuid",
            body="SELECT id FROM tenants_organization WHERE slug = wanted AND NOT is_deleted",
        ),
    ]
