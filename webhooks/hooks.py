"""What the site's wiring, which is above this subject, tells it when everything is loaded."""

from collections.abc import Callable

import strawberry

schema: Callable[[], strawberry.Schema]
"""The API's schema, on which subscription queries are run; filled by cms."""
