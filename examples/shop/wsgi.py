"""The WSGI application of whichever service DJANGO_SETTINGS_MODULE names."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.shop.settings")
application = get_wsgi_application()
if os.environ["DJANGO_SETTINGS_MODULE"] == "examples.shop.settings":
    from examples.shop import mail, quotes

    mail.start_worker()
    quotes.start_loop()
