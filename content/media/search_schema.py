"""The API's door to search."""

from typing import Annotated, cast

import strawberry

from cms.accounts.models import User
from cms.api.context import invalid_argument, require_user
from cms.api.ids import parse_id
from cms.api.loading import together
from content.projects.models import Project
from content.projects.policy import ProjectAction, ProjectPolicy

from . import embedding, models, search
from .choices import MediaStatus
from .policy import MediaPolicy
from .types import Info, Media, MediaMatch

DEFAULT_FOUND = 20

ProjectId = Annotated[strawberry.ID, strawberry.argument(description="The project to search in.")]


@strawberry.type(description="By what the media of a project are searched, beside their words.")
class MediaSearch:
    model: str = strawberry.field(description="The embedding model, with its version.")
    dimensions: int = strawberry.field(description="Numbers in one of its vectors.")
    sees_pictures: bool = strawberry.field(
        description="Whether it looks at pictures; if not, they are found by their words."
    )
    embedded: int = strawberry.field(description="Media that it has read as they are now. The others follow soon.")
    total: int = strawberry.field(description="Media that a search can find.")


@strawberry.type
class MediaSearchQuery:
    @strawberry.field(
        description="Media of a project by words and meaning, or by likeness, best first. Exactly one of `text` and "
        "`similarTo`. Archived media are left out."
    )
    def find_media(
        self,
        info: Info,
        project_id: ProjectId,
        text: Annotated[
            str | None,
            strawberry.argument(
                description="What to look for, up to 500 characters: the first 12 words count, and the last may be "
                "one's beginning."
            ),
        ] = None,
        similar_to: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="A media item that the others should be like."),
        ] = None,
        limit: Annotated[int | None, strawberry.argument(description="At most so many, 1 to 100.")] = DEFAULT_FOUND,
    ) -> list[MediaMatch]:
        user = require_user(info)
        if (text is None) == (similar_to is None):
            raise invalid_argument("Give exactly one of `text` and `similarTo`.")
        limit = DEFAULT_FOUND if limit is None else limit
        if not 1 <= limit <= search.MAX_RESULTS:
            raise invalid_argument(f"`limit` is 1 to {search.MAX_RESULTS}.")
        project = _project(user, project_id)
        if text is not None:
            found = search.find_by_text(project, text, limit)
        else:
            pk = parse_id(cast("str", similar_to), "Media", "similar_to")
            likeness = MediaPolicy(user).get(ProjectAction.VIEW, pk, field="similar_to")
            found = search.find_similar(project, likeness, limit)
        return [
            MediaMatch(media=cast("Media", row), score=row.score)  # type: ignore[attr-defined]  # set by search
            for row in together(found)
        ]

    @strawberry.field(description="By what the media of a project are searched, and how many it knows.")
    def media_search(self, info: Info, project_id: ProjectId) -> MediaSearch:
        project = _project(require_user(info), project_id)
        used = embedding.model()
        rows = models.Media.objects.filter(project=project).exclude(status=MediaStatus.ARCHIVED)
        return MediaSearch(
            model=used.name,
            dimensions=used.dimensions,
            sees_pictures=used.sees_pictures,
            embedded=rows.filter(embedding_model=used.name).count(),
            total=rows.count(),
        )


def _project(user: User, project_id: str) -> Project:
    return ProjectPolicy(user).get(
        ProjectAction.VIEW, parse_id(project_id, "Project", "project_id"), field="project_id"
    )
