"""The web process. Connections come from a pool that all of its threads share."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DATABASE_POOL_SIZE", "10")

from django.conf import settings
from django.core.asgi import get_asgi_application

from common.api.parsers import FORM_OVERHEAD
from common.body_limit import BodyLimit

application = BodyLimit(get_asgi_application(), limit=settings.MAX_UPLOAD_BYTES + FORM_OVERHEAD)
