from collections.abc import Iterator

import pytest

from tests.ai.fault_server import FaultServer, fault_server
from tests.ai.fixtures import llama

__all__ = ["faults", "llama", "provider"]


@pytest.fixture(scope="session")
def provider() -> Iterator[FaultServer]:
    """One fault server for the whole run."""
    with fault_server() as server:
        yield server


@pytest.fixture
def faults(provider: FaultServer) -> FaultServer:
    """The fault server, with no memory of earlier tests."""
    provider.asked.clear()
    return provider
