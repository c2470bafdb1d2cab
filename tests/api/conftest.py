"""Rows that need no bytes behind them."""

from tests.api.rows import media_rows

__all__ = ["media_rows"]
