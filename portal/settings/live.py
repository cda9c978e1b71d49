"""Live topics: where the processes of the portal share what one of them computed."""

from portal.settings.environment import REDIS_URL

PHAROS_LIVE_REDIS_URL = REDIS_URL
