from django.db import migrations

from tenants.operations import CreateLookup

_ORGANIZATION = "LEFT JOIN tenants_organization o ON o.id = u.organization_id"
_ALLOWED = """
    u.is_active AND NOT u.is_deleted
    AND (u.organization_id IS NULL OR (o.is_active AND NOT o.is_deleted))
"""
_PERSON = f"FROM tenants_user u {_ORGANIZATION} WHERE {_ALLOWED}"


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
            # A token is its user's only when both are of one organization, or both the platform's.
            body=f"""
                SELECT u, t.id, t.scopes
                FROM tenants_accesstoken t
                JOIN tenants_user u ON u.id = t.user_id
                    AND u.organization_id IS NOT DISTINCT FROM t.organization_id
                {_ORGANIZATION}
                WHERE t.digest = wanted AND t.expires_at > now() AND NOT t.is_deleted
                    AND {_ALLOWED}
            """,
        ),
        CreateLookup(
            "tenants_find_organization(wanted text)",
            returns="uuid",
            body="SELECT id FROM tenants_organization WHERE slug = wanted AND NOT is_deleted",
        ),
    ]
