"""What messages to telephones share: accounts with providers, numbers, texts and receipts."""

from apps.alerts.delivery.phone.provider import (
    PROVIDERS,
    Account,
    Callback,
    Field,
    ForgedError,
    Provider,
    Receipt,
    provider_for,
)

__all__ = [
    "PROVIDERS",
    "Account",
    "Callback",
    "Field",
    "ForgedError",
    "Provider",
    "Receipt",
    "provider_for",
]
