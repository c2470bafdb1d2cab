"""One person's machine: the embedded default, nothing to install beside it."""

from .base import *
from .env import VAR_DIR, env
from .secret import local_secret_key

DEBUG = env.bool("DEBUG", default=True)
SECRET_KEY = env("SECRET_KEY", default="") or local_secret_key(VAR_DIR / "secret.key")
SERVESTATIC_USE_FINDERS = True
# A receiver on the same machine.
WEBHOOK_ALLOW_PRIVATE = env.bool("WEBHOOK_ALLOW_PRIVATE", default=True)
