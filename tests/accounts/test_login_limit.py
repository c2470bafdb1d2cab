"""Guessing passwords through the API."""

from collections.abc import Callable

from cms.accounts.models import User
from tests.conftest import Api


def test_guessing_is_stopped_and_told_when_to_come_back(api: Callable[..., Api], producer: User) -> None:
    # given
    caller, guess = api(), {"email": producer.email, "password": "guessed"}
    # when
    answers = [caller("Login", input=guess) for _ in range(8)]
    # then
    assert answers[0].codes == ["INVALID"]
    assert answers[-1].codes == ["RATE_LIMITED"]
    assert answers[-1].error["retryAfter"] > 0
    right = caller("Login", input={"email": producer.email, "password": "a good password"})
    assert right.codes == ["RATE_LIMITED"]
