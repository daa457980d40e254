from django.contrib.admin import apps as admin_apps


class AdminConfig(admin_apps.AdminConfig):
    """Django's admin on a site of Chancery's own."""

    default = False  # named in INSTALLED_APPS; `common` itself is a plain app
    default_site = "common.admin_site.AdminSite"
