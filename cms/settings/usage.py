"""What a person may use: tokens by plan, and how often they may send, upload, and test webhooks."""

from .env import env

# Tokens that a person on the plan may use in a calendar month (UTC), read and written, in all projects.
MONTHLY_TOKENS = {
    "FREE": env.int("MONTHLY_TOKENS_FREE", default=1_000_000),
    "PRO": env.int("MONTHLY_TOKENS_PRO", default=20_000_000),
    "ENTERPRISE": env.int("MONTHLY_TOKENS_ENTERPRISE", default=1_000_000_000),
}
# Of the prices that editors give and of every cost.
USAGE_CURRENCY = env("USAGE_CURRENCY", default="USD")

# How often one person may do something, in any moving window of that length; several limits are joined by ";".
RATE_LIMITS = {
    "turns": env("RATE_LIMIT_TURNS", default="20/minute"),
    "uploads": env("RATE_LIMIT_UPLOADS", default="60/minute;1000/day"),
    "webhooks": env("RATE_LIMIT_WEBHOOKS", default="20/minute"),
}
