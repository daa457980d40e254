"""The web process. Connections come from a pool that all of its threads share."""

import os
import warnings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("CHANCERY_PROGRAM", "web")
os.environ.setdefault("DATABASE_POOL_SIZE", "10")

from django.conf import settings

from common.api.parsers import FORM_OVERHEAD
from common.asgi import get_application
from common.body_limit import BodyLimit
from tenants.logins_check import refuse_owner

# WhiteNoise reads its small files synchronously, which is well; Django says so for each process.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous")

application = BodyLimit(get_application(), limit=settings.MAX_UPLOAD_BYTES + FORM_OVERHEAD)
refuse_owner()
