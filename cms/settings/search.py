"""Search by meaning: Jina's service where a key is set, else a small text model on this machine."""

from .env import env

JINA_API_KEY = env("JINA_API_KEY", default="")
# Up to and with /v1.
JINA_BASE_URL = env("JINA_BASE_URL", default="https://api.jina.ai/v1")
# Bytes of vectors that one process keeps; 100,000 media are 154 MB of the local model's and 410 MB of Jina's.
VECTOR_CACHE_BYTES = env.int("VECTOR_CACHE_MB", default=1024) * 1024**2
