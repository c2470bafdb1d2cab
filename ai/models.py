"""Which director answers."""

from ai.config import ModelConfig
from ai.contract import ChatModel
from ai.qwen import QwenDirector
from ai.rehearsal import WORD_DELAY, RehearsalDirector

__all__ = ["ModelConfig", "chat_model"]


def chat_model(config: ModelConfig | None, *, word_delay: float = WORD_DELAY) -> ChatModel:
    """The model at the configured endpoint, or the offline rehearsal director, which says one word each
    `word_delay` seconds.
    """
    return RehearsalDirector(word_delay=word_delay) if config is None else QwenDirector(config)
