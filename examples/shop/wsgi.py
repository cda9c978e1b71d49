"""The WSGI application of whichever service DJANGO_SETTINGS_MODULE names."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.shop.settings")
application = get_wsgi_application()
