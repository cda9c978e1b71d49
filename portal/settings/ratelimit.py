"""How often who may ask, how long the audit trail is kept, and which proxies are believed."""

from ipaddress import ip_network

from portal.settings import environment as _env

PHAROS_AUDIT_DAYS = _env.AUDIT_DAYS
PHAROS_TRUSTED_PROXIES = [ip_network(text) for text in _env.TRUSTED_PROXIES]
