"""What browsers are told, as in production: on a page, in an answer of the API, with a download."""

import os
import subprocess
import sys

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from common.home import ROOT
from tenants.api.testing import api_as, token_of
from tenants.testing import PASSWORD

pytestmark = pytest.mark.django_db

EVERYWHERE = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
POLICY = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "style-src": "'self' 'unsafe-inline'",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


@pytest.fixture(autouse=True)
def https(settings):
    """What settings say where HTTPS is on."""
    settings.SECURE_SSL_REDIRECT = True
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True


def policy(response):
    directives = response["Content-Security-Policy"].split(";")
    return dict(directive.strip().partition(" ")[::2] for directive in directives)


def told(response):
    return {name: response.get(name) for name in EVERYWHERE}


def test_a_page_of_the_admin(people):
    browser = Client()
    door = reverse("admin:login")
    page = browser.get(door, secure=True)
    assert told(page) == EVERYWHERE
    assert policy(page) == POLICY | {"script-src": "'self' 'unsafe-eval'"}
    assert "no-store" in page["Cache-Control"]
    signed_in = browser.post(door, {"username": "acme-owner", "password": PASSWORD}, secure=True)
    session, csrf = signed_in.cookies["sessionid"], signed_in.cookies["csrftoken"]
    assert (session["secure"], session["httponly"], session["samesite"]) == (True, True, "Lax")
    assert (csrf["secure"], csrf["samesite"]) == (True, "Lax")
    inside = browser.get(reverse("admin:index"), secure=True)
    assert told(inside) == EVERYWHERE
    assert "no-store" in inside["Cache-Control"]


@pytest.mark.parametrize("path", ["/session/login/", "/api/v1/docs/", "/nothing/"])
def test_a_page_elsewhere_runs_no_made_up_script(db, path):
    page = Client().get(path, secure=True)
    assert told(page) == EVERYWHERE
    assert policy(page) == POLICY


@pytest.mark.parametrize(
    "name", ["admin_password_reset", "admin_password_reset_done", "admin_password_reset_complete"]
)
def test_a_page_for_who_cannot_sign_in(db, name):
    page = Client().get(reverse(name), secure=True)
    assert told(page) == EVERYWHERE
    assert policy(page) == POLICY | {"script-src": "'self' 'unsafe-eval'"}
    assert "no-store" in page["Cache-Control"]


@pytest.mark.parametrize("path", ["me", "projects", "tokens"])
def test_an_answer_of_the_api(people, path):
    headers = {"Authorization": f"Bearer {token_of(people['acme-owner'])}"}
    answer = Client(headers=headers).get(f"/api/v1/{path}/", secure=True)
    assert answer.status_code == 200
    assert told(answer) == EVERYWHERE
    assert policy(answer) == POLICY
    assert "no-store" in answer["Cache-Control"]
    assert "Access-Control-Allow-Origin" not in answer


def test_an_answer_that_holds_a_token(people):
    body = {"login": "acme-owner", "password": PASSWORD}
    answer = Client().post("/api/v1/auth/login/", body, secure=True)
    assert answer.status_code == 200
    assert told(answer) == EVERYWHERE
    assert "no-store" in answer["Cache-Control"]
    assert not answer.cookies


def test_a_download(people):
    file = SimpleUploadedFile("notes.html", b"<script>alert(1)</script>")
    owner = api_as(people["acme-owner"])
    file.name = "notes.md"
    made = owner.post("/api/v1/documents/", {"file": file}, format="multipart", secure=True)
    download = owner.get(f"/api/v1/documents/{made.json()['id']}/file/", secure=True)
    assert download.status_code == 200
    assert told(download) == EVERYWHERE
    assert download["Content-Type"] == "application/octet-stream"
    assert download["Content-Disposition"].startswith("attachment")
    assert "no-store" in download["Cache-Control"]
    assert policy(download) == POLICY | {"default-src": "'none'", "sandbox": ""}
    download.close()


def test_plain_http_is_sent_to_https(db):
    answer = Client().get("/admin/login/?next=/admin/")
    assert (answer.status_code, answer["Location"]) == (
        301,
        "https://testserver/admin/login/?next=/admin/",
    )


def test_the_settings_of_production_pass_djangos_own_check(tmp_path):
    environment = {
        **{name: value for name, value in os.environ.items() if "CHANCERY" not in name},
        "CHANCERY_HOME": str(tmp_path),
        "HOST": "0.0.0.0",
        "DEBUG": "0",
    }
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    ran = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (ran.returncode, "no issues" in ran.stdout + ran.stderr) == (0, True), ran.stderr
