"""Webhooks: what is sent to outside systems, and how long it is tried."""

from django.core.exceptions import ImproperlyConfigured

from .env import env

# Webhooks that a person on the plan may have.
WEBHOOKS_PER_PLAN = {
    "FREE": env.int("WEBHOOKS_FREE", default=3),
    "PRO": env.int("WEBHOOKS_PRO", default=20),
    "ENTERPRISE": env.int("WEBHOOKS_ENTERPRISE", default=100),
}
# Also http, and addresses of this machine and of private networks: for development and tests alone.
WEBHOOK_ALLOW_PRIVATE = env.bool("WEBHOOK_ALLOW_PRIVATE", default=False)
# Seconds that an endpoint has for its whole answer, and of these to be reached.
WEBHOOK_TIMEOUT_SECONDS = env.float("WEBHOOK_TIMEOUT_SECONDS", default=20.0)
WEBHOOK_CONNECT_SECONDS = env.float("WEBHOOK_CONNECT_SECONDS", default=5.0)
# A sender that died is taken over when its lease has run out; it is renewed before each attempt.
WEBHOOK_LEASE_SECONDS = env.float("WEBHOOK_LEASE_SECONDS", default=3 * WEBHOOK_TIMEOUT_SECONDS)
if WEBHOOK_LEASE_SECONDS <= WEBHOOK_TIMEOUT_SECONDS:
    raise ImproperlyConfigured("WEBHOOK_LEASE_SECONDS must be more than WEBHOOK_TIMEOUT_SECONDS.")
# Seconds between the attempts at one delivery; the default is the example of the Standard Webhooks specification.
WEBHOOK_RETRY_SECONDS = env.list(
    "WEBHOOK_RETRY_SECONDS", cast=float, default=[5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
)
# Days without any success after which a webhook is paused.
WEBHOOK_FAILING_DAYS = env.float("WEBHOOK_FAILING_DAYS", default=5.0)
# Days that ended deliveries are kept.
WEBHOOK_KEEP_DAYS = env.float("WEBHOOK_KEEP_DAYS", default=30.0)
# Webhooks that one process serves at once.
WEBHOOK_SENDERS = env.int("WEBHOOK_SENDERS", default=4)
