"""What may be shown of secrets: `fields` for texts and data, `addresses` for where servers are."""

from apps.core.masking.addresses import dsn, email, url
from apps.core.masking.fields import MASK, is_secret, mask, mask_text

__all__ = ["MASK", "dsn", "email", "is_secret", "mask", "mask_text", "url"]
