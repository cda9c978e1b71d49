"""Whether a request comes from Slack (docs.slack.dev, Verifying requests from Slack)."""

import hashlib
import hmac
from typing import Final

SKEW_S: Final = 300


def signed(secret: str, timestamp: str, body: bytes) -> str:
    """The signature Slack puts into X-Slack-Signature."""
    mac = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256)
    return f"v0={mac.hexdigest()}"


def genuine(secret: str, timestamp: str, body: bytes, signature: str, now_s: float) -> bool:
    """Whether Slack signed this body within the last five minutes."""
    if not secret or not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return False
    if abs(now_s - int(timestamp)) > SKEW_S:
        return False
    expected = signed(secret, timestamp, body)
    return hmac.compare_digest(expected.encode(), signature.encode(errors="replace"))
