"""The portal's settings, with the test kinds installed."""

from portal.settings import *  # noqa: F403
from portal.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.core.proposals.app.LoopTests"]
