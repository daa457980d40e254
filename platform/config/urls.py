from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from agents.openai_api.views import CompletionViewSet, ModelViewSet
from common import health
from tenants.views import (
    EmailPage,
    ForgottenPage,
    MessagePage,
    ResetPage,
    SessionLoginView,
)

# Signs browsers in to the API, under the names that the browsable API asks for.
session = [
    path("login/", SessionLoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]

# Without a slash at the end, as OpenAI's clients ask.
openai = [
    path("models", ModelViewSet.as_view({"get": "list"}), name="openai-models"),
    path("models/<str:model>", ModelViewSet.as_view({"get": "retrieve"}), name="openai-model"),
    path(
        "chat/completions", CompletionViewSet.as_view({"post": "create"}), name="openai-completions"
    ),
]

# For who cannot sign in. The sign-in page links to the name of the first.
account_pages = [
    path("password_reset/", ForgottenPage.as_view(), name="admin_password_reset"),
    path(
        "password_reset/done/",
        MessagePage.as_view(
            title="Look into your mailbox",
            text="If the address belongs to somebody here, a link is on its way to it.",
        ),
        name="admin_password_reset_done",
    ),
    path("reset/<uidb64>/<token>/", ResetPage.as_view(), name="admin_password_reset_confirm"),
    path(
        "reset/done/",
        MessagePage.as_view(
            title="The new password is set",
            text="Sign in with it. All other sign-ins have ended.",
        ),
        name="admin_password_reset_complete",
    ),
    path("verify/<uidb64>/<token>/", EmailPage.as_view(), name="admin_email_confirm"),
    path(
        "verify/done/",
        MessagePage.as_view(title="Confirmed", text="This e-mail address is yours."),
        name="admin_email_confirmed",
    ),
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="docs"), name="home"),
    path(
        "favicon.ico",
        RedirectView.as_view(url=f"/{settings.STATIC_URL.strip('/')}/common/favicon.svg"),
    ),
    path("admin/", include(account_pages)),
    path("admin/", admin.site.urls),
    path("api/v1/", include("config.api")),
    path("v1/", include(openai)),
    path("session/", include((session, "rest_framework"))),
    path("health/live", health.live),
    path("health/ready", health.ready),
]

handler400 = "common.api.errors.bad_request"
handler403 = "common.api.errors.permission_denied"
handler404 = "common.api.errors.page_not_found"
handler500 = "common.api.errors.server_error"
