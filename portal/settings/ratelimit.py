"""How often who may ask, how long the audit trail is kept, and which proxies are believed."""

from ipaddress import ip_network

from portal.settings import environment as _env

PHAROS_AUDIT_DAYS = _env.AUDIT_DAYS
PHAROS_TRUSTED_PROXIES = [ip_network(text) for text in _env.TRUSTED_PROXIES]
PHAROS_BATCH_THREADS = _env.BATCH_THREADS
# Each batch holds one thread of the web while it runs: half of them stay free of batches.
PHAROS_BATCHES_AT_ONCE = max(1, _env.WEB_THREADS // 2)
PHAROS_RATE_REDIS_URL = _env.REDIS_URL
# Requests in 60 s. People have more: the pages they look at poll.
PHAROS_RATE_LIMITS = {
    "anonymous": _env.RATE_ANONYMOUS,
    "standard": _env.RATE_STANDARD,
    "premium": _env.RATE_PREMIUM,
    "session": _env.RATE_SESSION,
}
