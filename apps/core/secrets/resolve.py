"""From variables of the environment to secrets."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Final
from urllib.parse import quote

from apps.core.secrets import aws, local
from apps.core.secrets.base import Provider, SecretError

# A start asks for user, password and host of one secret: one call. A later read sees a rotation.
_TTL_S: Final = 60.0
_WHOLE: Final = re.compile(r"secret:(?P<provider>[a-z]+):(?P<id>[^#]+)(?:#(?P<field>.+))?\Z")
_INSIDE: Final = re.compile(r"\{(?P<reference>secret:[^{}]*)\}")


class Resolver:
    """Reads secrets of one environment. `secrets_dir` is where `secret:file:` looks."""

    def __init__(self, environ: Mapping[str, str], secrets_dir: Path) -> None:
        self._environ = environ
        self._makers: dict[str, Callable[[], Provider]] = {
            "file": lambda: local.Directory(secrets_dir),
            "aws": aws.SecretsManager,
        }
        self._providers: dict[str, Provider] = {}
        self._kept: dict[tuple[str, str], tuple[float, str]] = {}

    def given(self, name: str) -> bool:
        """Whether the variable is set, in whichever way."""
        return bool(self._environ.get(name) or self._environ.get(f"{name}_FILE"))

    def read(self, name: str, default: str = "") -> str:
        """The value of a variable; `default` when it is not set. Raises SecretError."""
        value, file = self._environ.get(name, ""), self._environ.get(f"{name}_FILE", "")
        try:
            if value and file:
                raise SecretError(f"{name}_FILE is set as well; keep one of the two.")
            if file:
                return local.read(Path(file))
            return self._filled(value) if value else default
        except SecretError as error:
            raise SecretError(f"{name} cannot be used. {error}") from None

    def _filled(self, value: str) -> str:
        if value.startswith("secret:"):
            return self._fetch(value)
        return _INSIDE.sub(lambda found: quote(self._fetch(found["reference"]), safe=""), value)

    def _fetch(self, reference: str) -> str:
        parts = _WHOLE.match(reference)
        if parts is None:
            raise SecretError("Write a reference as secret:<provider>:<name>[#<JSON field>].")
        provider, name, field = parts["provider"], parts["id"], parts["field"]
        if provider not in self._makers:
            known = ", ".join(sorted(self._makers))
            raise SecretError(f"There is no provider {provider}; known are {known}.")
        text = self._cached(provider, name)
        return text if field is None else _field(text, name, field)

    def _cached(self, provider: str, name: str) -> str:
        kept = self._kept.get((provider, name))
        if kept is not None and monotonic() < kept[0]:
            return kept[1]
        if provider not in self._providers:
            self._providers[provider] = self._makers[provider]()
        text = self._providers[provider].fetch(name)
        self._kept[provider, name] = (monotonic() + _TTL_S, text)
        return text


def _field(text: str, name: str, field: str) -> str:
    try:
        document = json.loads(text)
    except ValueError:
        raise SecretError(f"{name} is not JSON, so it has no field {field}.") from None
    value = document.get(field) if isinstance(document, dict) else None
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise SecretError(f"{name} has no text in a field {field}.")
    return str(value)
