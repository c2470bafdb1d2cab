"""Debian's Chromium for the browser tests. `python -m tests.browser` says by its exit code whether it is there."""

import shutil
import sys

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# As root in a container Chromium has no sandbox of its own; the other switches keep it from looking outside.
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

if __name__ == "__main__":
    sys.exit(0 if CHROMIUM else 1)
