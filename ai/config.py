"""How a model is reached. Filled from settings by whoever wires the product; this package reads no environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """An OpenAI-compatible endpoint and what it can do. All times are in seconds.

    `base_url` ends before `/chat/completions` (`https://dashscope-intl.aliyuncs.com/compatible-mode/v1`).
    """

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    # What the endpoint can do. Without tools the director reports its structure in a fenced JSON block.
    tools: bool = True
    pictures: bool = True
    # Sent as `enable_thinking` where it is not None: hosted Qwen models know it, other servers may refuse it.
    enable_thinking: bool | None = None
    temperature: float | None = 0.7
    # Further fields of the request, as the endpoint documents them (top_p, seed, top_k …).
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    connect_timeout: float = 5.0
    # The longest silence: before the first byte and between two chunks.
    silence_timeout: float = 60.0
    # The whole answer, with all tries and pauses between them.
    total_timeout: float = 300.0
    # Further tries after the first, and only before the first token.
    retries: int = 2
    # The pause before the first retry; it doubles with each. A stated Retry-After comes before it.
    backoff: float = 0.5
    # A longer Retry-After is not waited for: the answer is then RATE_LIMITED at once, with the time to wait.
    longest_retry_after: float = 20.0
