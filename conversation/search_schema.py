"""The API's door to the search in messages."""

from typing import Annotated, Any, cast

import strawberry

from cms.api.connections import After, Before, Edge, First, Last, PageInfo, paginate
from cms.api.context import require_user
from cms.api.ids import parse_id
from content.projects.policy import ProjectAction, ProjectPolicy

from . import models, search
from .types import Info, Message


@strawberry.type(description="Where one of the words is in an excerpt, in UTF-16 code units (String.length).")
class Highlight:
    offset: int = strawberry.field(description="Where it begins.")
    length: int = strawberry.field(description="How long it is.")


def _excerpt(row: models.Message) -> search.Excerpt:
    if "_excerpt" not in row.__dict__:
        row.__dict__["_excerpt"] = search.excerpt(row.content, row.__dict__["_sought"])
    return cast("search.Excerpt", row.__dict__["_excerpt"])


def _snippet(root: strawberry.Parent[Edge[Any]]) -> str:
    return _excerpt(root.node).text


def _highlights(root: strawberry.Parent[Edge[Any]]) -> list[Highlight]:
    return [Highlight(offset=offset, length=length) for offset, length in _excerpt(root.node).highlights]


def _on_active_path(root: strawberry.Parent[Edge[Any]]) -> bool:
    return cast("bool", root.node.on_active_path)


@strawberry.type(description="A message that was found, and its place in the list.")
class MessageMatchEdge:
    cursor: str = strawberry.field(description="Opaque; for `after` and `before`.")
    node: Message = strawberry.field(description="The message.")
    snippet: str = strawberry.field(
        resolver=_snippet,
        description="The part of it with the most of the words, in one line. It is text and no HTML: escape it.",
    )
    highlights: list[Highlight] = strawberry.field(
        resolver=_highlights, description="Where the words are in the snippet, in its order."
    )
    on_active_path: bool = strawberry.field(
        resolver=_on_active_path,
        description="Whether it is on its session's active path, and not on another branch.",
    )


@strawberry.type(description="One page of messages that were found.")
class MessageMatchConnection:
    edges: list[MessageMatchEdge] = strawberry.field(description="The page's entries, in the list's order.")
    page_info: PageInfo = strawberry.field(description="Where the page lies in the list.")


@strawberry.type
class MessageSearchQuery:
    @strawberry.field(
        description="What members and the director said in the sessions that the caller may see, in all branches: the "
        "messages that have all words, best first and of equals the newest. A message is better that has a word "
        "itself and not only a longer one, or has it often."
    )
    def search_messages(
        self,
        info: Info,
        text: Annotated[
            str,
            strawberry.argument(
                description="What to look for, up to 500 characters: the first 12 words count, and the last may be "
                "one's beginning until a space follows it."
            ),
        ],
        project_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="In this project; left out: in all.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> MessageMatchConnection:
        user = require_user(info)
        project = None
        if project_id is not None:
            pk = parse_id(project_id, "Project", "project_id")
            project = ProjectPolicy(user).get(ProjectAction.VIEW, pk, field="project_id")
        words = search.words_of(text)
        rows = search.found_messages(user, words, project)
        page = paginate(rows, order=search.BEST_THEN_NEWEST, first=first, after=after, last=last, before=before)
        for edge in page.edges:
            edge.node.__dict__["_sought"] = words
        return cast("MessageMatchConnection", page)
