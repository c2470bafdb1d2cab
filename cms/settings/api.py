"""The API: what one operation may ask for, how much a caller may ask for, and whose documents are run."""

from .env import env

# Of one operation, fragments counted wherever they are spread; the last three of its whole document.
OPERATION_LIMITS = {
    "depth": env.int("OPERATION_MAX_DEPTH", default=16),
    "aliases": env.int("OPERATION_MAX_ALIASES", default=30),
    "root_fields": env.int("OPERATION_MAX_ROOT_FIELDS", default=20),
    "directives": env.int("OPERATION_MAX_DIRECTIVES", default=20),
    # About the objects that it can answer with (cms/api/cost.py).
    "cost": env.int("OPERATION_MAX_COST", default=10_000),
    "operations": env.int("OPERATION_MAX_OPERATIONS", default=10),
    "tokens": env.int("OPERATION_MAX_TOKENS", default=2_000),
    "characters": env.int("OPERATION_MAX_CHARACTERS", default=100_000),
}
# Seconds that a query or a mutation may take.
OPERATION_SECONDS = env.float("OPERATION_SECONDS", default=30.0)

# Cost that one caller may spend in any window of that length: a person and each of their tokens, else an address.
COST_LIMITS = {
    "user": env("COST_LIMIT_USER", default="200000/minute"),
    "token": env("COST_LIMIT_TOKEN", default="200000/minute"),
    "address": env("COST_LIMIT_ADDRESS", default="5000/minute"),
}
# Proxies of ours before this server, which add to X-Forwarded-For; who signs in is counted by the same address.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)

# Run the operations of graphql/operations alone, named by their hash; a token of the scope "documents:any" runs others.
TRUSTED_DOCUMENTS_ONLY = env.bool("TRUSTED_DOCUMENTS_ONLY", default=False)
