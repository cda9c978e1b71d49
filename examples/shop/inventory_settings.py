"""The inventory service: the same data, its own process, its own name in every trace."""

from examples.shop.settings import *  # noqa: F403
from examples.shop.settings import DATABASES

ROOT_URLCONF = "examples.shop.inventory"
DATABASES["default"]["OPTIONS"]["application_name"] = "inventory"
