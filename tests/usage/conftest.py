"""What is counted: turns with a provider, and the answers that tell of it."""

from collections.abc import Callable
from typing import Any

import pytest

from cms.accounts.models import User
from conversation.models import Session, Turn
from tests.ai.fault_server import FaultServer
from tests.conftest import Api, gid
from tests.conversation.conftest import picture, provider, turn_with
from tests.conversation.talking import say

__all__ = ["picture", "provider", "turn_with"]

# What the fault server counts for a whole answer, and what one call may use at most here.
INPUT, OUTPUT = 321, 45
ANSWER = INPUT + OUTPUT
CALL = 7_000

MONEY = "inputTokens outputTokens cost unpricedTokens"
COUNTS = f"{MONEY} currency limit used reserved left periodStart periodEnd byModel {{ model {MONEY} }}"
ME = f"{{ me {{ usage {{ {COUNTS} byUser {{ cost }} }} }} }}"
PROJECT = f"""query ($id: ID!) {{ project(id: $id) {{ tokenBudget usage {{
  {COUNTS} byUser {{ user {{ name }} {MONEY} }} }} }} }}"""
BUDGET = """mutation ($id: ID!, $tokens: BigInt) { updateProject(input: {id: $id, tokenBudget: $tokens}) {
  project { tokenBudget } errors { code field message } } }"""


@pytest.fixture(autouse=True)
def _a_call_is_seven_thousand_tokens(settings: Any) -> None:
    settings.MODEL_INPUT_TOKENS, settings.MODEL_OUTPUT_TOKENS = CALL - 1_000, 1_000


@pytest.fixture
def metered(settings: Any, provider: FaultServer) -> FaultServer:
    """The director is a provider's, whose tokens count."""
    settings.QWEN3VL_BASE_URL, settings.QWEN3VL_MODEL = provider.url, "ok"
    return provider


@pytest.fixture
def spent(api: Callable[..., Api], producer: User) -> Callable[[], dict[str, Any]]:
    """What the producer's month says."""
    return lambda: api(producer)(ME).value["usage"]


@pytest.fixture
def limited(producer: User) -> Callable[[int], None]:
    """Give the producer so many tokens a month."""

    def limit(tokens: int) -> None:
        producer.max_tokens_override = tokens
        producer.save()

    return limit


def project_usage(caller: Api, project: Any) -> dict[str, Any]:
    return caller(PROJECT, id=gid(project)).value["usage"]


def queue(caller: Api, session: Session) -> Turn:
    """Say something; answers the turn, which nobody works on yet."""
    assert say(caller, session).codes == []
    return Turn.objects.latest("pk")
