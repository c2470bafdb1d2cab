"""The generation tasks that editors may allow at a step.

`content.generation` sits above this app, so it registers its types here when it is ready.
"""

_titles: dict[str, str] = {}


def register_task_type(slug: str, title: str) -> None:
    """Let steps allow a task type; registering it again changes its title."""
    _titles[slug] = title


def task_type_choices() -> list[tuple[str, str]]:
    """Slug and title of every registered type, by title."""
    return sorted(_titles.items(), key=lambda item: item[1])


def unknown_task_types(slugs: list[str]) -> list[str]:
    """Those of the slugs that no app has registered."""
    return [slug for slug in slugs if slug not in _titles]
