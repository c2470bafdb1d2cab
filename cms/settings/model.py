"""The director model: Qwen3-VL at any OpenAI-compatible endpoint, or the offline rehearsal director."""

from .env import env

QWEN3VL_BASE_URL = env("QWEN3VL_BASE_URL", default="")
QWEN3VL_API_KEY = env("QWEN3VL_API_KEY", default="")
QWEN3VL_MODEL = env("QWEN3VL_MODEL", default="qwen3-vl-plus")
REHEARSAL_WORD_DELAY = env.float("REHEARSAL_WORD_DELAY", default=0.03)

# Tokens: what the model is told at most in one turn, and what it may answer.
MODEL_INPUT_TOKENS = env.int("MODEL_INPUT_TOKENS", default=16_000)
MODEL_OUTPUT_TOKENS = env.int("MODEL_OUTPUT_TOKENS", default=2_048)

# What the endpoint can do, and how long to wait for it (seconds).
QWEN3VL_TOOLS = env.bool("QWEN3VL_TOOLS", default=True)
QWEN3VL_PICTURES = env.bool("QWEN3VL_PICTURES", default=True)
QWEN3VL_ENABLE_THINKING = env.bool("QWEN3VL_ENABLE_THINKING") if "QWEN3VL_ENABLE_THINKING" in env.ENVIRON else None
QWEN3VL_SILENCE_SECONDS = env.float("QWEN3VL_SILENCE_SECONDS", default=60.0)
QWEN3VL_TOTAL_SECONDS = env.float("QWEN3VL_TOTAL_SECONDS", default=300.0)
