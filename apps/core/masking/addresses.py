"""What may be shown of an address that holds a secret. Anything that is odd is hidden whole."""

from apps.core.masking.fields import MASK


def dsn(address: str) -> str:
    """A server's address: scheme, user, host, port and path, without password and options.

    `postgresql://me:***@db:5432/shop`. Options may hold secrets too.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        # libpq's `host=db password=x`, or nothing we know.
        return MASK
    # A password that was not encoded may hold / or @: the last @ ends it for certain.
    credentials, at, place = rest.rpartition("@")
    if "?" in credentials or "#" in credentials:
        # An odd password, or an option with an @ in it: which of the two cannot be known.
        return f"{scheme}://{MASK}"
    for end in "?#":
        place = place.partition(end)[0]
    user, colon, password = credentials.partition(":")
    # Without a colon it may be a token, or a piece of one.
    shown = user if colon else MASK * bool(credentials)
    return f"{scheme}://{shown}{f':{MASK}' * bool(password)}{at}{place}"


def url(address: str) -> str:
    """A webhook's address: scheme, host and port. The path is the secret of most of them."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        return MASK
    place = rest.rpartition("@")[2]
    for end in "/?#\\":
        place = place.partition(end)[0]
    return f"{scheme}://{place}/{MASK}"


def email(address: str) -> str:
    """An address's first letter and its domain."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}{MASK}@{domain}" if local else MASK
