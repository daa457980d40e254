"""Answers that are not finished when the view's transaction ends."""

from collections.abc import Callable

from django.http import HttpResponse, HttpResponseBase


class Continued(HttpResponse):
    """What a view returns when it must wait for something that no transaction may wait for.

    `OrganizationMiddleware` commits, then calls `finish`, which opens short blocks of its own with
    `acting_for` and returns the real answer.
    """

    def __init__(self, finish: Callable[[], HttpResponseBase]):
        super().__init__()
        self.finish = finish
