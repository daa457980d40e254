import django.core.serializers.json
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import common.ids
import tenants.audit.triggers
import tenants.context
import tenants.fields
import tenants.rls
from tenants.operations import CreateFunction

# As `common.ids.uuid7`: the milliseconds since 1970 in 48 bits, the version, and random bits.
_MAKE_ID = """
    SELECT overlay(
        overlay(
            gen_random_uuid()::text
            PLACING substring(moment FROM 1 FOR 8) || '-' || substring(moment FROM 9) FROM 1
        )
        PLACING '7' FROM 15 FOR 1
    )::uuid
    FROM lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') AS moment
"""
_WRITE_ENTRY = """
DECLARE
    actor jsonb := NULLIF(current_setting('app.actor', true), '')::jsonb;
    entry uuid := public.tenants_uuid7();
    organization uuid := coalesce(object_organization, '00000000-0000-0000-0000-000000000000');
    action text := 'changed';
    was jsonb := old;
    became jsonb := new;
BEGIN
    IF operation = 'INSERT' THEN
        action := 'created';
        became := new - 'is_deleted';
    ELSIF operation = 'DELETE' THEN
        action := 'removed';
    ELSE
        SELECT jsonb_object_agg(key, value) INTO was FROM jsonb_each(old)
            WHERE new -> key IS DISTINCT FROM value;
        SELECT jsonb_object_agg(key, value) INTO became FROM jsonb_each(new)
            WHERE old -> key IS DISTINCT FROM value;
        IF was ? 'is_deleted' THEN
            action := CASE WHEN (new -> 'is_deleted')::boolean THEN 'deleted' ELSE 'restored' END;
        END IF;
        IF cardinality(secrets) > 0 THEN
            became := coalesce(became, '{}') || jsonb_object(
                secrets, array_fill('changed'::text, ARRAY[cardinality(secrets)]));
        END IF;
        IF became IS NULL THEN
            RETURN;
        END IF;
    END IF;
    INSERT INTO public.tenants_auditentry (
        id, organization_id, created_at, action, object_type, object_id, object_name, is_content,
        before, after, actor_id, actor_name, acting_as, way, address
    ) VALUES (
        entry, organization, clock_timestamp(), action, object_type, object_id,
        coalesce(left(object_name, 255), ''), content, was, became,
        (actor ->> 'id')::uuid, coalesce(actor ->> 'name', session_user),
        coalesce(actor ->> 'as', 'system'),
        coalesce(actor ->> 'way', current_setting('application_name')),
        coalesce(actor ->> 'address', '')
    );
    INSERT INTO public.tenants_auditseal (entry_id, organization_id) VALUES (entry, organization);
END
"""


class Migration(migrations.Migration):
    """The audit trail, and the triggers that write it."""

    dependencies = [
        ("tenants", "0004_tenant_free_tables"),
    ]

    operations = [
        CreateFunction(
            "tenants_uuid7()",
            returns="uuid",
            language="sql",
            body=_MAKE_ID,
        ),
        CreateFunction(
            "tenants_audit(operation text, object_type text, object_organization uuid,"
            " object_id uuid, object_name text, content boolean, old jsonb, new jsonb,"
            " secrets text[])",
            returns="void",
            language="plpgsql",
            body=_WRITE_ENTRY,
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "organization",
                    tenants.fields.OrganizationField(
                        db_constraint=False,
                        db_default=tenants.fields.OrganizationSetting(),
                        default=tenants.context.current_organization_id,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("action", models.CharField(max_length=50)),
                ("object_type", models.CharField(blank=True, max_length=100)),
                ("object_id", models.UUIDField(null=True)),
                ("object_name", models.CharField(blank=True, max_length=255)),
                ("is_content", models.BooleanField(default=False)),
                (
                    "before",
                    models.JSONField(
                        encoder=django.core.serializers.json.DjangoJSONEncoder, null=True
                    ),
                ),
                (
                    "after",
                    models.JSONField(
                        encoder=django.core.serializers.json.DjangoJSONEncoder, null=True
                    ),
                ),
                ("actor_id", models.UUIDField(null=True)),
                ("actor_name", models.CharField(blank=True, max_length=150)),
                ("acting_as", models.CharField(max_length=50)),
                ("way", models.CharField(max_length=100)),
                ("address", models.CharField(blank=True, max_length=64)),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit trail",
                "ordering": ["-id"],
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization",
                        "entry_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "organization",
                    tenants.fields.OrganizationField(
                        db_constraint=False,
                        db_default=tenants.fields.OrganizationSetting(),
                        default=tenants.context.current_organization_id,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                ("entry_id", models.UUIDField()),
                ("position", models.PositiveBigIntegerField(null=True)),
                ("digest", models.CharField(max_length=64, null=True)),
            ],
            options={
                "base_manager_name": "objects",
            },
        ),
        migrations.AddConstraint(
            model_name="accesstoken",
            constraint=tenants.audit.triggers.Audited(
                columns=("user_id", "name", "prefix", "scopes", "expires_at"),
                name="tenants_accesstoken_audit",
                secrets=("digest",),
                title="prefix",
            ),
        ),
        migrations.AddConstraint(
            model_name="organization",
            constraint=tenants.audit.triggers.Audited(
                columns=(
                    "name",
                    "slug",
                    "description",
                    "email",
                    "phone",
                    "website",
                    "max_users",
                    "max_projects",
                    "max_storage_gb",
                    "is_active",
                ),
                name="tenants_organization_audit",
                title="name",
            ),
        ),
        migrations.AddConstraint(
            model_name="project",
            constraint=tenants.audit.triggers.Audited(
                columns=("name", "description", "manager_id", "is_active"),
                name="tenants_project_audit",
                title="name",
            ),
        ),
        migrations.AddConstraint(
            model_name="projectmember",
            constraint=tenants.audit.triggers.Audited(
                columns=("project_id", "user_id"), name="tenants_projectmember_audit"
            ),
        ),
        migrations.AddConstraint(
            model_name="role",
            constraint=tenants.audit.triggers.Audited(
                columns=("name", "description"), name="tenants_role_audit", title="name"
            ),
        ),
        migrations.AddConstraint(
            model_name="rolepermission",
            constraint=tenants.audit.triggers.Audited(
                columns=("role_id", "permission_id"), name="tenants_rolepermission_audit"
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=tenants.audit.triggers.Audited(
                columns=(
                    "email",
                    "username",
                    "full_name",
                    "is_active",
                    "is_email_verified",
                    "is_staff",
                    "is_superuser",
                ),
                name="tenants_user_audit",
                secrets=("password",),
                title="username",
            ),
        ),
        migrations.AddConstraint(
            model_name="userrole",
            constraint=tenants.audit.triggers.Audited(
                columns=("user_id", "role_id"), name="tenants_userrole_audit"
            ),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                fields=["organization", "object_id"], name="tenants_auditentry_by_object"
            ),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                fields=["organization", "actor_id"], name="tenants_auditentry_by_actor"
            ),
        ),
        migrations.AddConstraint(
            model_name="auditentry",
            constraint=tenants.rls.OrganizationKey(name="tenants_auditentry_key"),
        ),
        migrations.AddConstraint(
            model_name="auditentry",
            constraint=tenants.rls.RowSecurity(
                name="tenants_auditentry_rows",
                platform=True,
                platform_rows="NOT is_content",
                verbs="SELECT, INSERT",
                platform_verbs="SELECT, INSERT",
            ),
        ),
        migrations.AddConstraint(
            model_name="auditentry",
            constraint=tenants.audit.triggers.AppendOnly(name="tenants_auditentry_kept"),
        ),
        migrations.AddIndex(
            model_name="auditseal",
            index=models.Index(
                condition=models.Q(("position", None)),
                fields=["organization", "entry_id"],
                name="tenants_auditseal_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="auditseal",
            constraint=tenants.rls.RowSecurity(
                columns=("position", "digest"),
                platform_columns=("position", "digest"),
                name="tenants_auditseal_rows",
                platform=True,
                verbs="SELECT, INSERT",
                platform_verbs="SELECT, INSERT",
            ),
        ),
        migrations.AddConstraint(
            model_name="auditseal",
            constraint=tenants.audit.triggers.AppendOnly(
                name="tenants_auditseal_kept", once=("position", "digest")
            ),
        ),
        migrations.AddConstraint(
            model_name="auditseal",
            constraint=models.UniqueConstraint(
                fields=("organization", "position"), name="tenants_auditseal_position"
            ),
        ),
        migrations.AddConstraint(
            model_name="auditseal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("digest", None), ("position", None)),
                    models.Q(("digest__isnull", False), ("position__gte", 1)),
                    _connector="OR",
                ),
                name="tenants_auditseal_whole",
            ),
        ),
    ]
