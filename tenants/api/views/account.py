"""A person's own account: password, e-mail address, tokens."""

from typing import Any

from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from common.api.caching import NotStored
from common.api.problems import field_problem
from tenants import accounts, deletion
from tenants.api.permissions import HasAllRights
from tenants.api.serializers.account import (
    LinkSerializer,
    PasswordChangeSerializer,
    PasswordResetSerializer,
    ResetConfirmSerializer,
    TokenSerializer,
    refuse_weak,
)
from tenants.context import acting_as
from tenants.models import AccessToken
from tenants.responses import Continued


class _Form(NotStored, GenericAPIView):
    """Takes what its serializer describes, and answers with nothing."""

    http_method_names = ["post"]

    @extend_schema(responses={204: None})
    def post(self, request: Any) -> HttpResponseBase:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return self.act(request, serializer.validated_data) or Response(status=204)

    def act(self, request: Any, data: dict[str, Any]) -> HttpResponseBase | None:
        raise NotImplementedError


class PasswordChangeView(_Form):
    """Change one's password. All tokens end, the one that this is asked with, too; so do all
    sessions but the one that asks."""

    permission_classes = [HasAllRights]
    serializer_class = PasswordChangeSerializer

    def act(self, request: Any, data: dict[str, Any]) -> HttpResponseBase:
        """Once the view's transaction has ended: an error would take the guess's count back."""

        def finish() -> HttpResponseBase:
            try:
                self._change(request, **data)
                response = Response(status=204)
            except Exception as error:  # noqa: BLE001 (what the handler does not know is raised)
                response = self.handle_exception(error)
            return self.finalize_response(request, response).render()

        return Continued(finish)

    def _change(self, request: Any, old: str, new: str) -> None:
        user = request.user
        if not accounts.holds_password(user=user, password=old, request=request):
            raise field_problem("old", "This is not your password.")
        refuse_weak(new, user, field="new")
        with acting_as(user):
            accounts.set_password(user=user, password=new)
        if request.auth is None:
            update_session_auth_hash(request._request, user)


@extend_schema(auth=[])
class PasswordResetView(_Form):
    """Have a link to choose a new password mailed. The answer is the same for any address."""

    permission_classes = [AllowAny]
    serializer_class = PasswordResetSerializer

    def act(self, request: Any, data: dict[str, Any]) -> None:
        accounts.ask_for_password_reset(request=request, **data)


@extend_schema(auth=[])
class PasswordResetConfirmView(_Form):
    """Choose a new password with the two parts of the link, which is good for one use."""

    permission_classes = [AllowAny]
    serializer_class = ResetConfirmSerializer

    def act(self, request: Any, data: dict[str, Any]) -> None:
        accounts.reset_password(
            request=request,
            validate=lambda user: refuse_weak(data["password"], user, field="password"),
            **data,
        )


class EmailVerifyView(NotStored, APIView):
    """Have a link mailed to the caller's own address, to confirm that it is theirs."""

    permission_classes = [HasAllRights]
    http_method_names = ["post"]

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Any) -> Response:
        accounts.ask_for_email_verification(user=request.user, request=request)
        return Response(status=204)


@extend_schema(auth=[])
class EmailConfirmView(_Form):
    """Confirm an e-mail address with the two parts of the link, which is good for one use."""

    permission_classes = [AllowAny]
    serializer_class = LinkSerializer

    def act(self, request: Any, data: dict[str, Any]) -> None:
        accounts.confirm_email(**data)


class TokenViewSet(NotStored, mixins.ListModelMixin, mixins.DestroyModelMixin, GenericViewSet):
    """The caller's own tokens that still open something."""

    queryset = AccessToken.objects.all()
    serializer_class = TokenSerializer
    permission_classes = [HasAllRights]
    http_method_names = ["get", "delete", "head"]

    def get_queryset(self) -> Any:
        own = super().get_queryset().filter(user_id=self.request.user.pk)
        return own.filter(expires_at__gt=timezone.now())

    def perform_destroy(self, instance: AccessToken) -> None:
        deletion.delete(instance)
