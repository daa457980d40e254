import uuid

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.text
import django.db.models.manager
from django.conf import settings
from django.db import migrations, models

import common.ids
import tenants.context
import tenants.fields
import tenants.models.role
import tenants.rls


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Organization",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("is_deleted", models.BooleanField(default=False, editable=False)),
                ("deleted_at", models.DateTimeField(editable=False, null=True)),
                ("deletion_id", models.UUIDField(editable=False, null=True)),
                ("name", models.CharField(db_index=True, max_length=255)),
                ("slug", models.SlugField(db_index=False, max_length=100)),
                ("description", models.TextField(blank=True)),
                ("email", models.EmailField(blank=True, max_length=255)),
                ("phone", models.CharField(blank=True, max_length=20)),
                ("website", models.URLField(blank=True, max_length=255)),
                ("max_users", models.PositiveIntegerField(default=50)),
                ("max_projects", models.PositiveIntegerField(default=10)),
                (
                    "max_storage_gb",
                    models.PositiveIntegerField(default=100, verbose_name="storage limit (GB)"),
                ),
                ("is_active", models.BooleanField(default=True)),
            ],
            options={
                "ordering": ["name", "id"],
                "abstract": False,
                "base_manager_name": "all_objects",
                "default_manager_name": "objects",
                "constraints": [
                    tenants.rls.RowSecurity(
                        columns=("name", "description", "email", "phone", "website", "updated_at"),
                        name="tenants_organization_rows",
                        platform=True,
                        policy="own organization",
                        verbs="SELECT",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("deleted_at", None), ("deletion_id", None), ("is_deleted", False)
                            ),
                            models.Q(
                                ("deleted_at__isnull", False),
                                ("deletion_id__isnull", False),
                                ("is_deleted", True),
                            ),
                            _connector="OR",
                        ),
                        name="tenants_organization_deletion",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_deleted", False)),
                        fields=("slug",),
                        name="tenants_organization_slug",
                    ),
                ],
                "indexes": [],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("all_objects", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="OrganizationUsage",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        db_default=tenants.fields.OrganizationSetting(),
                        default=tenants.context.current_organization_id,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="usage",
                        serialize=False,
                        to="tenants.organization",
                    ),
                ),
                ("users", models.PositiveIntegerField(default=0)),
                ("projects", models.PositiveIntegerField(default=0)),
                ("storage_bytes", models.PositiveBigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "usage",
                "verbose_name_plural": "usage",
                "base_manager_name": "objects",
                "constraints": [
                    tenants.rls.RowSecurity(
                        columns=("users", "projects", "storage_bytes"),
                        name="tenants_organizationusage_rows",
                        platform=True,
                        verbs="SELECT",
                    )
                ],
                "indexes": [],
            },
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("is_deleted", models.BooleanField(default=False, editable=False)),
                ("deleted_at", models.DateTimeField(editable=False, null=True)),
                ("deletion_id", models.UUIDField(editable=False, null=True)),
                ("email", models.EmailField(max_length=255)),
                (
                    "username",
                    models.CharField(
                        max_length=100,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[\\w.+-]+\\Z",
                                "Letters, digits and . + - _ only, so that it is nobody's e-mail address.",
                            )
                        ],
                    ),
                ),
                ("full_name", models.CharField(blank=True, max_length=255)),
                ("is_active", models.BooleanField(default=True)),
                ("is_email_verified", models.BooleanField(default=False)),
                (
                    "organization",
                    tenants.fields.OrganizationField(
                        blank=True,
                        db_default=tenants.fields.OrganizationSetting(),
                        default=tenants.context.current_organization_id,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="users",
                        to="tenants.organization",
                    ),
                ),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False, help_text="Whether this person can sign in to the admin."
                    ),
                ),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False, editable=False, verbose_name="platform staff"
                    ),
                ),
            ],
            options={
                "ordering": ["username", "id"],
                "abstract": False,
                "base_manager_name": "all_objects",
                "default_manager_name": "objects",
                "constraints": [
                    tenants.rls.RowSecurity(
                        name="tenants_user_rows", platform=True, policy="users"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("deleted_at", None), ("deletion_id", None), ("is_deleted", False)
                            ),
                            models.Q(
                                ("deleted_at__isnull", False),
                                ("deletion_id__isnull", False),
                                ("is_deleted", True),
                            ),
                            _connector="OR",
                        ),
                        name="tenants_user_deletion",
                    ),
                    models.UniqueConstraint(
                        fields=("organization", "id"), name="tenants_user_reference"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_deleted", False)),
                        fields=("email",),
                        name="tenants_user_email",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_deleted", False)),
                        fields=("username",),
                        name="tenants_user_username",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("username__contains", "@"), _negated=True),
                        name="tenants_user_username_is_no_address",
                        violation_error_message="A username holds no @: it could be another's address.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("email", django.db.models.functions.text.Lower("email"))
                        ),
                        name="tenants_user_email_lower_case",
                        violation_error_message="An e-mail address is kept in lower case.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("is_superuser", True), ("organization__isnull", True)),
                            models.Q(("is_superuser", False), ("organization__isnull", False)),
                            _connector="OR",
                        ),
                        name="tenants_user_platform_staff",
                        violation_error_message="Platform staff, and only they, have no organization.",
                    ),
                ],
                "indexes": [],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("all_objects", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="Permission",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "name",
                    models.CharField(
                        choices=[
                            ("tenants.view_organization", "See the organization and its quotas"),
                            (
                                "tenants.change_organization",
                                "Change the organization's own details",
                            ),
                            ("tenants.view_user", "See the people of the organization"),
                            ("tenants.add_user", "Add people"),
                            ("tenants.change_user", "Change people and their roles"),
                            ("tenants.delete_user", "Remove people"),
                            ("tenants.view_role", "See roles and what they permit"),
                            ("tenants.add_role", "Add roles"),
                            ("tenants.change_role", "Change roles"),
                            ("tenants.delete_role", "Delete roles"),
                            ("tenants.view_project", "See the projects one has joined"),
                            ("tenants.view_all_projects", "See every project"),
                            ("tenants.add_project", "Add projects"),
                            ("tenants.change_project", "Change projects and their members"),
                            ("tenants.delete_project", "Delete projects"),
                            ("agents.view_agentconfig", "See published agents"),
                            ("agents.use_agentconfig", "Converse with agents"),
                            ("agents.add_agentconfig", "Add agents"),
                            ("agents.change_agentconfig", "Change and publish agents"),
                            ("agents.delete_agentconfig", "Delete agents"),
                            ("agents.view_all_conversations", "Read other people's conversations"),
                            ("knowledge.view_document", "Read and search documents"),
                            ("knowledge.view_all_documents", "Read the documents of every project"),
                            ("knowledge.add_document", "Upload documents"),
                            ("knowledge.change_document", "Change and reprocess documents"),
                            ("knowledge.delete_document", "Delete documents"),
                            ("tenants.view_organizationusage", "See what the organization uses"),
                        ],
                        max_length=100,
                        unique=True,
                    ),
                ),
                ("description", models.CharField(blank=True, max_length=255)),
            ],
            options={
                "ordering": ["name"],
                "indexes": [],
                "constraints": [],
            },
        ),
        migrations.CreateModel(
            name="Role",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("is_deleted", models.BooleanField(default=False, editable=False)),
                ("deleted_at", models.DateTimeField(editable=False, null=True)),
                ("deletion_id", models.UUIDField(editable=False, null=True)),
                ("name", models.CharField(max_length=100)),
                ("description", models.CharField(blank=True, max_length=255)),
                (
                    "organization",
                    tenants.fields.OrganizationField(
                        blank=True,
                        db_default=tenants.fields.OrganizationSetting(),
                        default=tenants.context.current_organization_id,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="roles",
                        to="tenants.organization",
                    ),
                ),
                (
                    "scope",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.db.models.functions.comparison.Coalesce(
                            models.F("organization_id"),
                            models.Value(uuid.UUID("00000000-0000-0000-0000-000000000000")),
                            output_field=models.UUIDField(),
                        ),
                        output_field=models.UUIDField(),
                    ),
                ),
            ],
            options={
                "ordering": ["name", "id"],
                "abstract": False,
                "base_manager_name": "all_objects",
                "default_manager_name": "objects",
                "constraints": [
                    tenants.rls.RowSecurity(
                        name="tenants_role_rows", platform=True, policy="readable if null"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("deleted_at", None), ("deletion_id", None), ("is_deleted", False)
                            ),
                            models.Q(
                                ("deleted_at__isnull", False),
                                ("deletion_id__isnull", False),
                                ("is_deleted", True),
                            ),
                            _connector="OR",
                        ),
                        name="tenants_role_deletion",
                    ),
                    models.UniqueConstraint(fields=("scope", "id"), name="tenants_role_reference"),
                    models.UniqueConstraint(
                        condition=models.Q(("is_deleted", False)),
                        fields=("organization", "name"),
                        name="tenants_role_name",
                        nulls_distinct=False,
                    ),
                ],
                "indexes": [],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("all_objects", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="RolePermission",
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
                        blank=True,
                        db_default=tenants.fields.OrganizationSetting(),
                        default=tenants.context.current_organization_id,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                (
                    "role",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="tenants.role",
                    ),
                ),
                (
                    "permission",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="tenants.permission",
                    ),
                ),
                (
                    "scope",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.db.models.functions.comparison.Coalesce(
                            models.F("organization_id"),
                            models.Value(uuid.UUID("00000000-0000-0000-0000-000000000000")),
                            output_field=models.UUIDField(),
                        ),
                        output_field=models.UUIDField(),
                    ),
                ),
            ],
            options={
                "base_manager_name": "all_objects",
                "default_manager_name": "objects",
                "constraints": [
                    tenants.rls.RowSecurity(
                        name="tenants_rolepermission_rows", platform=True, policy="readable if null"
                    ),
                    tenants.rls.CompositeForeignKey(
                        "role",
                        companion="scope",
                        name="tenants_rolepermission_role",
                        references="scope",
                    ),
                    models.UniqueConstraint(
                        fields=("scope", "role", "permission"), name="tenants_rolepermission_once"
                    ),
                ],
                "indexes": [],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("all_objects", django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddField(
            model_name="role",
            name="permissions",
            field=models.ManyToManyField(
                related_name="roles", through="tenants.RolePermission", to="tenants.permission"
            ),
        ),
        migrations.CreateModel(
            name="UserRole",
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
                        db_default=tenants.fields.OrganizationSetting(),
                        default=tenants.context.current_organization_id,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "user",
                    tenants.fields.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="user_roles",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "role",
                    tenants.fields.SharedForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="user_roles",
                        to="tenants.role",
                    ),
                ),
                ("role_scope", tenants.models.role.RoleScopeField(editable=False)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "all_objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["organization", "role"], name="tenants_userrole_by_role")
                ],
                "constraints": [
                    tenants.rls.OrganizationKey(name="tenants_userrole_key"),
                    tenants.rls.RowSecurity(name="tenants_userrole_rows", platform=True),
                    tenants.rls.CompositeForeignKey("user", name="tenants_userrole_user"),
                    tenants.rls.CompositeForeignKey(
                        "role",
                        companion="role_scope",
                        name="tenants_userrole_role",
                        references="scope",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("role_scope", uuid.UUID("00000000-0000-0000-0000-000000000000")),
                            ("role_scope", models.F("organization_id")),
                            _connector="OR",
                        ),
                        name="tenants_userrole_scope",
                    ),
                    models.UniqueConstraint(
                        fields=("organization", "user", "role"), name="tenants_userrole_once"
                    ),
                ],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("all_objects", django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddField(
            model_name="user",
            name="roles",
            field=models.ManyToManyField(
                related_name="users", through="tenants.UserRole", to="tenants.role"
            ),
        ),
        migrations.CreateModel(
            name="Project",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("is_deleted", models.BooleanField(default=False, editable=False)),
                ("deleted_at", models.DateTimeField(editable=False, null=True)),
                ("deletion_id", models.UUIDField(editable=False, null=True)),
                (
                    "organization",
                    tenants.fields.OrganizationField(
                        db_default=tenants.fields.OrganizationSetting(),
                        default=tenants.context.current_organization_id,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="projects",
                        to="tenants.organization",
                    ),
                ),
                ("name", models.CharField(max_length=255)),
                ("description", models.TextField(blank=True)),
                (
                    "manager",
                    tenants.fields.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="managed_projects",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("is_active", models.BooleanField(default=True)),
                ("member_count", models.PositiveIntegerField(default=0, editable=False)),
            ],
            options={
                "ordering": ["name", "id"],
                "abstract": False,
                "base_manager_name": "all_objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["organization", "name"], name="tenants_project_by_name"),
                    models.Index(
                        fields=["organization", "manager"], name="tenants_project_by_manager"
                    ),
                ],
                "constraints": [
                    tenants.rls.OrganizationKey(name="tenants_project_key"),
                    tenants.rls.RowSecurity(name="tenants_project_rows", platform=True),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("deleted_at", None), ("deletion_id", None), ("is_deleted", False)
                            ),
                            models.Q(
                                ("deleted_at__isnull", False),
                                ("deletion_id__isnull", False),
                                ("is_deleted", True),
                            ),
                            _connector="OR",
                        ),
                        name="tenants_project_deletion",
                    ),
                    tenants.rls.CompositeForeignKey("manager", name="tenants_project_manager"),
                ],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("all_objects", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="ProjectMember",
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
                        db_default=tenants.fields.OrganizationSetting(),
                        default=tenants.context.current_organization_id,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "project",
                    tenants.fields.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to="tenants.project",
                    ),
                ),
                (
                    "user",
                    tenants.fields.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "all_objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["organization", "user"], name="tenants_projectmember_by_user"
                    )
                ],
                "constraints": [
                    tenants.rls.OrganizationKey(name="tenants_projectmember_key"),
                    tenants.rls.RowSecurity(name="tenants_projectmember_rows", platform=True),
                    tenants.rls.CompositeForeignKey(
                        "project", name="tenants_projectmember_project"
                    ),
                    tenants.rls.CompositeForeignKey("user", name="tenants_projectmember_user"),
                    models.UniqueConstraint(
                        fields=("organization", "project", "user"),
                        name="tenants_projectmember_once",
                    ),
                ],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("all_objects", django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddField(
            model_name="project",
            name="members",
            field=models.ManyToManyField(
                related_name="projects",
                through="tenants.ProjectMember",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.CreateModel(
            name="AccessToken",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("is_deleted", models.BooleanField(default=False, editable=False)),
                ("deleted_at", models.DateTimeField(editable=False, null=True)),
                ("deletion_id", models.UUIDField(editable=False, null=True)),
                (
                    "organization",
                    tenants.fields.OrganizationField(
                        blank=True,
                        db_default=tenants.fields.OrganizationSetting(),
                        default=tenants.context.current_organization_id,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="access_tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=100)),
                ("prefix", models.CharField(editable=False, max_length=12)),
                ("digest", models.CharField(editable=False, max_length=64, unique=True)),
                ("scopes", models.JSONField(blank=True, default=list)),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "abstract": False,
                "base_manager_name": "all_objects",
                "default_manager_name": "objects",
                "constraints": [
                    tenants.rls.RowSecurity(
                        name="tenants_accesstoken_rows", platform=True, policy="users"
                    ),
                    tenants.rls.CompositeForeignKey("user", name="tenants_accesstoken_user"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("deleted_at", None), ("deletion_id", None), ("is_deleted", False)
                            ),
                            models.Q(
                                ("deleted_at__isnull", False),
                                ("deletion_id__isnull", False),
                                ("is_deleted", True),
                            ),
                            _connector="OR",
                        ),
                        name="tenants_accesstoken_deletion",
                    ),
                ],
                "indexes": [],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("all_objects", django.db.models.manager.Manager()),
            ],
        ),
    ]
