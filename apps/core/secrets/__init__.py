"""Secrets of the environment: given as they are, in a file, or kept by a secrets manager.

    PHAROS_SECRET_KEY=…                         as it is
    PHAROS_SECRET_KEY_FILE=/run/secrets/key     a file of Docker or Kubernetes
    PHAROS_SECRET_KEY=secret:file:key           a file in PHAROS_SECRETS_DIR
    DATABASE_URL=secret:aws:prod/pharos#url     a field of a JSON secret in AWS Secrets Manager
    DATABASE_URL=postgresql://pharos:{secret:aws:prod/pharos#password}@db:5432/pharos

Inside a URL a reference stands in braces and its value is percent-encoded.
"""

from apps.core.secrets.base import Provider, SecretError
from apps.core.secrets.resolve import Resolver

__all__ = ["Provider", "Resolver", "SecretError"]
