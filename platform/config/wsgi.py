import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("CHANCERY_PROGRAM", "web")

from django.core.wsgi import get_wsgi_application

from tenants.logins_check import refuse_owner

application = get_wsgi_application()
refuse_owner()
