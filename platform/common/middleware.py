from django.http import HttpResponsePermanentRedirect
from django.middleware import common


class _SameMethodRedirect(HttpResponsePermanentRedirect):
    status_code = 308


class CommonMiddleware(common.CommonMiddleware):
    """Django's, which sends a path without its last slash to the one with it.

    The client asks there by the same method: by 301 a POST would become a GET, and seem to succeed.
    """

    response_redirect_class = _SameMethodRedirect
