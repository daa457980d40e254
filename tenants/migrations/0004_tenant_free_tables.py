from django.db import migrations

from tenants.operations import GrantTable

_READ = "SELECT"
_WRITE = "SELECT, INSERT, UPDATE, DELETE"


class Migration(migrations.Migration):
    """What the logins may do on tables that belong to no organization (`tenants.checks`)."""

    dependencies = [
        ("tenants", "0003_catalogue"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("procrastinate", "0041_post_retry_failed_job"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        GrantTable("tenants_permission", _READ),
        GrantTable("django_content_type", _READ),
        GrantTable("auth_permission", _READ),
        GrantTable("django_migrations", _READ),
        GrantTable("django_session", _WRITE),
        GrantTable("procrastinate_jobs", _WRITE, sequence="procrastinate_jobs_id_seq"),
        GrantTable("procrastinate_events", _WRITE, sequence="procrastinate_events_id_seq"),
        GrantTable(
            "procrastinate_periodic_defers",
            _WRITE,
            sequence="procrastinate_periodic_defers_id_seq",
        ),
        GrantTable("procrastinate_workers", _WRITE),
    ]
