"""A secret of this machine's own, so that no signature made with a published key is ever believed."""

import secrets
from pathlib import Path


def local_secret_key(path: Path) -> str:
    """The key in `path`, made on first use and readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x") as file:
            path.chmod(0o600)
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    return path.read_text()
