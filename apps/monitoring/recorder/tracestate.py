"""The `tracestate` of a trace: taken over whole when it keeps W3C's rules, else not at all.

Pharos adds no member of its own. What others put in, such as OpenTelemetry's `ot=th:…;rv:…` for
consistent sampling, goes on unchanged.
"""

import re
from typing import Final

_MOST_MEMBERS: Final = 32
# W3C asks for 512 letters at least to be passed on; beyond this somebody stuffs.
_LONGEST: Final = 8192
_KEY: Final = r"[a-z0-9][a-z0-9_\-*/@]{0,255}"  # as level 2 has it
# Printable ASCII but comma and equals sign, ending in no blank.
_VALUE: Final = r"[ -+\--<>-~]{0,255}[!-+\--<>-~]"
_MEMBER: Final = re.compile(rf"({_KEY})=({_VALUE})", re.ASCII)


def accept(header: str | None) -> str | None:
    """The header to send on, or None when there is none or it breaks a rule.

    Several headers come joined by commas. Blanks around members and empty members are allowed, and
    dropped. Nothing is dropped of a list that is right: order and values stay.
    """
    if not header or len(header) > _LONGEST:
        return None
    members: dict[str, str] = {}
    for text in header.split(","):
        member = text.strip(" \t")
        if not member:
            continue
        found = _MEMBER.fullmatch(member)
        if found is None:
            return None
        # Of a key that comes twice the first is the newer one.
        members.setdefault(found[1], found[2])
    if not members or len(members) > _MOST_MEMBERS:
        return None
    return ",".join(f"{key}={value}" for key, value in members.items())
