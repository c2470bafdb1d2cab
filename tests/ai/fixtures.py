"""Fixtures that other folders' tests import as well: `from tests.ai.fixtures import llama`."""

import os
from collections.abc import Iterator

import pytest

from tests.ai.llama import Llama, missing_parts, running_llama


@pytest.fixture(scope="session")
def llama() -> Iterator[Llama]:
    """llama.cpp's server with the small model, for the whole run; required where services are."""
    missing = missing_parts()
    if missing and os.environ.get("REQUIRE_SERVICES") != "1":
        pytest.skip(f"not installed: {missing}")
    with running_llama() as server:
        yield server
