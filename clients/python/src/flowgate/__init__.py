"""A client of a Flowgate server: its calls (`flowgate.rest`), streams that survive a cut, waiting, verified webhooks."""

from .errors import ApiError
from .rest import AuthenticatedClient, Client
from .streams import Event, follow, start_and_follow
from .waiting import ENDED, wait_for
from .webhooks import WebhookVerificationError, verify_webhook

__all__ = [
    "ENDED",
    "ApiError",
    "AuthenticatedClient",
    "Client",
    "Event",
    "WebhookVerificationError",
    "connect",
    "follow",
    "start_and_follow",
    "verify_webhook",
    "wait_for",
]


def connect(url: str, key: str, **options: object) -> AuthenticatedClient:
    """A client of the server at this URL. Options are those of `AuthenticatedClient`."""
    return AuthenticatedClient(base_url=url.rstrip("/"), token=key, **options)  # type: ignore[arg-type]
