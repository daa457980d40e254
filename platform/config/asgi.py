"""The web process. Connections come from a pool that all of its threads share."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DATABASE_POOL_SIZE", "10")

from django.core.asgi import get_asgi_application

application = get_asgi_application()
