"""AWS Secrets Manager. Region, credentials and endpoint come from AWS's own variables."""

from typing import Any, Final

from apps.core.secrets.base import SecretError

_TIMEOUT_S: Final = 3
_MENDS: Final = {
    "ResourceNotFoundException": "there is none of this name in this region",
    "AccessDeniedException": "the role lacks secretsmanager:GetSecretValue",
    "DecryptionFailure": "the role may not use its KMS key",
    "UnrecognizedClientException": "the credentials are unknown",
    "ExpiredTokenException": "the credentials have expired",
}


class SecretsManager:
    """The current version of a secret's text."""

    def __init__(self) -> None:
        self._client: Any = None

    def fetch(self, name: str) -> str:
        """SecretString. Raises SecretError."""
        try:
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            raise SecretError(
                "AWS Secrets Manager needs boto3: pip install 'pharos[aws]', or give the secret "
                "by a file."
            ) from None
        try:
            answer = self._connected().get_secret_value(SecretId=name)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            raise SecretError(f"AWS refused {name}: {_MENDS.get(code, code)}.") from None
        except BotoCoreError as error:
            # Its class says what is missing: NoCredentialsError, NoRegionError, EndpointConnection…
            kind = type(error).__name__
            raise SecretError(
                f"AWS cannot be asked for {name} ({kind}): check AWS_REGION, the credentials and "
                "the network."
            ) from None
        text = answer.get("SecretString")
        if not isinstance(text, str):
            raise SecretError(f"{name} in AWS is binary; keep it there as text.")
        return text

    def _connected(self) -> Any:
        if self._client is None:
            # A third of a second: only for who uses it.
            import boto3
            from botocore.config import Config

            bounds = Config(
                connect_timeout=_TIMEOUT_S,
                read_timeout=_TIMEOUT_S,
                retries={"total_max_attempts": 3, "mode": "standard"},
            )
            self._client = boto3.client("secretsmanager", config=bounds)
        return self._client
