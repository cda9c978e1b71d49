"""Settings, assembled from the environment and the parts beside this file."""

from pathlib import Path

from django.utils.translation import gettext_lazy as _

from portal.profiling.sampling import chosen
from portal.settings import environment as _env
from portal.settings.delivery import *  # noqa: F403
from portal.settings.face import UNFOLD as UNFOLD
from portal.settings.live import PHAROS_LIVE_REDIS_URL as PHAROS_LIVE_REDIS_URL
from portal.settings.logs import LOGGING as LOGGING
from portal.settings.logs import configure as _configure_logs
from portal.settings.logs import to_files as _log_to_files
from portal.settings.ratelimit import *  # noqa: F403
from portal.settings.schedule import CELERY_BEAT_SCHEDULE as CELERY_BEAT_SCHEDULE
from portal.settings.security import *  # noqa: F403

BASE_DIR = Path(__file__).resolve().parents[2]
PHAROS_HOME = _env.home.root
PHAROS_HOST = _env.HOST
PHAROS_PORT = _env.PORT
PHAROS_URL = _env.URL
PHAROS_WEB_THREADS = _env.WEB_THREADS
PHAROS_WEB_WAITING = _env.WEB_WAITING
PHAROS_RECORDER = _env.RECORDER
PHAROS_LOOP = _env.LOOP
PHAROS_FORWARD = _env.FORWARD
PHAROS_EVALUATE_ON_WRITE = _env.EVALUATE_ON_WRITE
PHAROS_INTAKE_BODY_BYTES = _env.INTAKE_BODY_BYTES
PHAROS_INTAKE_PROCESSES = _env.INTAKE_PROCESSES
PHAROS_INTAKE_MINUTE_ITEMS = _env.INTAKE_MINUTE_ITEMS
PHAROS_INTAKE_MINUTE_BYTES = _env.INTAKE_MINUTE_BYTES
PHAROS_INTAKE_ORIGINS = _env.INTAKE_ORIGINS
PHAROS_RETENTION_HOURS = _env.RETENTION_HOURS
PHAROS_LOG_ARCHIVE_DAYS = _env.LOG_ARCHIVE_DAYS
PHAROS_LOG_DELETE_DAYS = _env.LOG_DELETE_DAYS
PHAROS_ALERT_DAYS = _env.ALERT_DAYS
PHAROS_ARCHIVE_DIR = Path(_env.ARCHIVE_DIR)

DEBUG = _env.DEBUG
SECRET_KEY = _env.SECRET_KEY
ALLOWED_HOSTS = [*_env.HOSTS, *_env.URL_HOST]
CSRF_TRUSTED_ORIGINS = [*_env.ORIGINS, *_env.URL_ORIGIN]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
ASGI_APPLICATION = "portal.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "rest_framework_api_key",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "health_check",
    "apps.core",
    "apps.monitoring",
    "apps.alerts",
    "portal",
]

MIDDLEWARE = [
    "apps.monitoring.recorder.middleware.RecorderMiddleware",
    # Outside the policies: they would weigh more than many a file, and say nothing of one.
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.core.delivery.headers.HeadersMiddleware",
    "apps.core.delivery.csp.PolicyByPath",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    # Its redirects to https carry the policies, too.
    "django.middleware.security.SecurityMiddleware",
    *DELIVERY_MIDDLEWARE,  # noqa: F405
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.core.caller.CallerMiddleware",
    "apps.core.ratelimit.middleware.RateLimitMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "portal.kit.default_view.DefaultViewMiddleware",
]

PHAROS_PROFILING_PERCENT = _env.PROFILING_PERCENT
if _env.PROFILING:
    INSTALLED_APPS.append("silk")
    MIDDLEWARE.append("portal.profiling.middleware.ProfilingMiddleware")
    SILKY_AUTHENTICATION = SILKY_AUTHORISATION = True
    SILKY_PERMISSIONS = lambda user: user.has_perm("monitoring.view_span")  # noqa: E731 (silk wants a callable)
    SILKY_INTERCEPT_FUNC = chosen
    SILKY_PYTHON_PROFILER = True
    SILKY_MAX_RECORDED_REQUESTS = 2000
    # Bodies hold what people typed; a profile tells time.
    SILKY_MAX_REQUEST_BODY_SIZE = SILKY_MAX_RESPONSE_BODY_SIZE = 0

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        **_env.DATABASE,
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    },
}
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),
    "connect_timeout": 5,
    # A host that vanished closes nothing: without these a request waits a quarter of an hour.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    # A statement that outlives any page is a fault, not work to wait for.
    "options": "-c statement_timeout=30000 -c lock_timeout=5000 -c timezone=UTC",
}

CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": _env.REDIS_URL,
        "KEY_PREFIX": "c",
        "OPTIONS": {
            "SOCKET_CONNECT_TIMEOUT": 0.25,
            "SOCKET_TIMEOUT": 0.25,
            "IGNORE_EXCEPTIONS": True,
            "SERIALIZER": "apps.core.cache.PlainSerializer",
            "CONNECTION_POOL_KWARGS": {"max_connections": 100},
        },
    },
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"

# Celery names the same Unix socket with a scheme of its own.
CELERY_BROKER_URL = _env.REDIS_URL.replace("unix://", "redis+socket://", 1).replace(
    "?db=", "?virtual_host="
)
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# It is tried every second (portal/celery.py) for as long as it takes.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600, "socket_timeout": 10}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "portal.clock:Clock"
# Celery by itself closes a thread's connection before and after each task: a new server process
# each time, which costs more than most tasks. `portal.working` closes those that are broken or old.
CELERY_DB_REUSE_MAX = 10**12

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.core.api.authentication.BearerKeyAuthentication",
        "apps.core.api.authentication.StaffSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apps.core.api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["apps.core.api.renderers.JSONRenderer"],
    # DRF's own answers deep nesting with a RecursionError.
    "DEFAULT_PARSER_CLASSES": ["apps.core.api.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "apps.core.api.openapi.EndpointSchema",
    "EXCEPTION_HANDLER": "apps.core.api.errors.handle",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Pharos API",
    "VERSION": "0.3.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}

STATIC_URL = "/static/"
STATIC_ROOT = _env.home.static_dir
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# Without a collected manifest (tests, a fresh `manage.py`), serve from the source folders.
if not (STATIC_ROOT / "staticfiles.json").exists():
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    WHITENOISE_USE_FINDERS = True

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ko", _("Korean"))]
# The second: words of packages that bring no Korean.
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale/vendor"]
FORMAT_MODULE_PATH = ["portal.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

for _name, _value in _env.EMAIL.items():
    if _name.startswith("EMAIL_"):
        globals()[_name] = _value
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = _env.EMAIL_FROM

_configure_logs(_env.LOG_FORMAT)
if _env.LOG_DIR:
    _log_to_files(_env.LOG_DIR, _env.LOG_FILE_BYTES, _env.LOG_FILES)
LOGGING["root"]["level"] = _env.LOG_LEVEL

if _env.SENTRY_DSN:
    import sentry_sdk

    from portal.settings.sentry import OPTIONS as _SENTRY

    sentry_sdk.init(dsn=_env.SENTRY_DSN, **_SENTRY)
