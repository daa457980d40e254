"""Makes the rows of the permission catalogue and of the built-in roles, for migrations."""

from uuid import UUID, uuid5

from tenants.permissions import BUILT_IN_ROLES, Permissions

# The same ids everywhere, so that what was dumped from one installation loads into another.
_NAMESPACE = UUID("8f6d4f7c-3c6a-4b7e-9d52-0c1a6f6b8e11")


def catalogue_id(*names: str) -> UUID:
    return uuid5(_NAMESPACE, "/".join(names))


def write_catalogue(apps, schema_editor):
    """Bring permissions, built-in roles and what these hold to what the code says."""
    alias = schema_editor.connection.alias
    permissions = apps.get_model("tenants", "Permission").objects.using(alias)
    roles = apps.get_model("tenants", "Role").all_objects.using(alias)
    held_by_roles = apps.get_model("tenants", "RolePermission").all_objects.using(alias)
    for right in Permissions:
        permissions.update_or_create(
            pk=catalogue_id("permission", right.value),
            defaults={"name": right.value, "description": right.label},
        )
    permissions.exclude(name__in=Permissions.values).delete()
    for name, (description, rights) in BUILT_IN_ROLES.items():
        built_in, _ = roles.update_or_create(
            pk=catalogue_id("role", name),
            defaults={"name": name, "description": description, "organization": None},
        )
        held = {catalogue_id("permission", right.value) for right in rights}
        for held_id in held:
            held_by_roles.get_or_create(
                pk=catalogue_id("role permission", name, str(held_id)),
                defaults={"role": built_in, "permission_id": held_id, "organization": None},
            )
        built_in_rights = held_by_roles.filter(role=built_in)
        built_in_rights.exclude(permission_id__in=held).delete()
