"""Measures the served project: `python -m bench` (docs/bench.md is its last report)."""
