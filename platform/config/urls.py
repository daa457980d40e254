from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from common import health

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="docs"), name="home"),
    path(
        "favicon.ico",
        RedirectView.as_view(url=f"/{settings.STATIC_URL.strip('/')}/common/favicon.svg"),
    ),
    path("admin/", admin.site.urls),
    path("api/v1/", include("config.api")),
    path("session/", include("rest_framework.urls")),  # signs browsers in to the API
    path("health/live", health.live),
    path("health/ready", health.ready),
]

handler400 = "common.api.errors.bad_request"
handler403 = "common.api.errors.permission_denied"
handler404 = "common.api.errors.page_not_found"
handler500 = "common.api.errors.server_error"
