"""Secrets of webhooks and signatures by the Standard Webhooks specification (version 1.0.0, HMAC-SHA256).

A secret is made of the site's SECRET_KEY and a random salt, and only the salt is stored: a copy of the database
signs nothing.
"""

import base64
import secrets
from collections.abc import Iterator
from datetime import datetime

from django.utils.crypto import salted_hmac
from standardwebhooks import Webhook as Signer

from .models import Webhook

_PURPOSE = "webhooks.secret"


def new_salt() -> str:
    """What makes a new secret."""
    return secrets.token_hex(16)


def secret(salt: str) -> str:
    """The secret in the specification's form, `whsec_` and 32 bytes in base64."""
    return f"whsec_{base64.b64encode(_key(salt)).decode()}"


def signed_headers(webhook: Webhook, message_id: str, body: str, now: datetime) -> dict[str, str]:
    """The specification's three headers. For a day after a rotation there are two signatures."""
    signatures = [Signer(_key(salt)).sign(message_id, now, body) for salt in _salts(webhook, now)]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _salts(webhook: Webhook, now: datetime) -> Iterator[str]:
    yield webhook.secret_salt
    if webhook.former_secret_expires_at is not None and webhook.former_secret_expires_at > now:
        yield webhook.former_secret_salt


def _key(salt: str) -> bytes:
    return salted_hmac(_PURPOSE, salt, algorithm="sha256").digest()
