"""Verifies that a webhook comes from the server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError


def verify_webhook(secrets: str | Iterable[str], body: str | bytes, headers: Mapping[str, str]) -> Any:
    """The content of a webhook, once one of the workflow's signing secrets has signed it in the last five minutes.

    `body` is what was received, byte by byte. `None` for a webhook without a body. Raises `WebhookVerificationError`.
    """
    known = [secrets] if isinstance(secrets, str) else list(secrets)
    lower = {name.lower(): value for name, value in headers.items()}
    for secret in known:
        try:
            Webhook(secret).verify(body, lower, json_parse=False)
        except WebhookVerificationError:
            continue
        return json.loads(body) if body else None
    raise WebhookVerificationError("none of the secrets signed it")
