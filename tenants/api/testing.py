"""What tests of the API start from: clients that are somebody."""

from datetime import timedelta

from rest_framework.test import APIClient

from tenants.context import acting_as_platform, acting_for
from tenants.models import AccessToken, User

PROBLEM = "application/problem+json"


def token_of(user: User, *, lifetime: timedelta = timedelta(hours=1), scopes=()) -> str:
    """The secret of a new token."""
    with acting_as_platform() if user.is_platform_staff else acting_for(user.organization_id):
        return AccessToken.objects.issue(user=user, lifetime=lifetime, scopes=scopes)[1]


def api_as(user: User, **token) -> APIClient:
    """A client that shows a token of the user. `token` is passed on to `token_of`."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(user, **token)}")
    return client


def problem(response, status: int) -> dict:
    """The body of an answer that is a problem, as every error must be."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == PROBLEM
    body = response.json()
    assert body["status"] == status
    assert {"type", "title", "detail"} <= body.keys()
    return body


def fields_at_fault(response, status: int = 400) -> set[str]:
    return {error["field"] for error in problem(response, status)["errors"]}
