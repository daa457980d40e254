"""Signing in and out, and who one is."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate, logout
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from common.api.caching import NotStored
from tenants import deletion
from tenants.api.serializers.access import IssuedTokenSerializer, LoginSerializer, MeSerializer
from tenants.context import acting_as
from tenants.models import AccessToken, User


class LoginView(NotStored, GenericAPIView):
    """Exchange a password for a token. An unknown name and a wrong password look alike."""

    permission_classes = [AllowAny]
    http_method_names = ["post"]
    serializer_class = LoginSerializer

    @extend_schema(responses=IssuedTokenSerializer, auth=[])
    def post(self, request: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        user = authenticate(
            request._request,
            username=serializer.validated_data["login"],
            password=serializer.validated_data["password"],
        )
        if user is None:
            raise AuthenticationFailed("The name or the password is wrong.")
        token, secret = _issue_token(user)
        return Response({"token": secret, "expires_at": token.expires_at})


def _issue_token(user: User) -> tuple[AccessToken, str]:
    """Make a token; whose organization it is has only now become known."""
    lifetime = timedelta(days=settings.TOKEN_LIFETIME_DAYS)
    with acting_as(user):
        return AccessToken.objects.issue(user=user, lifetime=lifetime, name="API sign-in")


class LogoutView(APIView):
    """End the token that this is asked with, or the session."""

    permission_classes = [IsAuthenticated]
    http_method_names = ["post"]

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Any) -> Response:
        if request.auth is None:
            logout(request._request)
        else:
            deletion.delete(AccessToken.objects.get(pk=request.auth["id"]))
        return Response(status=204)


class MeView(NotStored, APIView):
    """The caller, with roles and permissions."""

    permission_classes = [IsAuthenticated]
    http_method_names = ["get", "head"]

    @extend_schema(responses=MeSerializer)
    def get(self, request: Any) -> Response:
        return Response(MeSerializer(request.user).data)
