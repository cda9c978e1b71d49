"""Django settings of the shop: one app, no templates, no admin."""

from environs import Env

from examples.shop import environment

_env = Env()
SECRET_KEY = "the shop signs nothing"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
ROOT_URLCONF = "examples.shop.urls"
WSGI_APPLICATION = "examples.shop.wsgi.application"
INSTALLED_APPS = ["examples.shop"]
MIDDLEWARE = ["examples.shop.pool.middleware", "django.middleware.common.CommonMiddleware"]
USE_TZ = True
TIME_ZONE = "UTC"

with _env.prefixed("__"):
    DATABASES = {"default": _env.dj_db_url("DB", environment.database_url)}
DATABASES["default"]["ENGINE"] = "examples.shop.backend"
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),
    "pool": {"min_size": 2, "max_size": 10, "timeout": 5},
    "application_name": "shop",
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": environment.redis_url,
        "KEY_PREFIX": "shop",
    }
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {
        "shop": {"level": "INFO"},
        "inventory": {"level": "INFO"},
        "django.request": {"level": "ERROR"},
    },
    "root": {"level": "WARNING", "handlers": ["console"]},
}
