"""The API's door to many media at once."""

from typing import Any, cast

import strawberry

from cms.api.context import Context, require_user
from cms.api.errors import UserError, answers, error_list
from cms.api.ids import parse_id
from cms.api.values import Input, given
from cms.errors import DomainError

from . import bulk
from .choices import MediaStatus, MediaType
from .types import Media

Info = strawberry.Info[Context, Any]


@strawberry.input(
    description="Change many media items in the same way, all of them or none. An absent field stays; null clears "
    "where it may be empty."
)
class UpdateManyMediaInput:
    ids: list[strawberry.ID] = strawberry.field(
        description="1 to 500 media items, of one project or of several; one that is named twice counts once."
    )
    add_tags: list[str] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Given to each that has not got them, whatever their case; at most 30 on each, of 1 to 50 "
        "characters.",
    )
    remove_tags: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Taken from each that has them, whatever their case."
    )
    add_character_keys: list[str] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Given to each that has not got them; at most 50 on each, of 1 to 100 characters.",
    )
    remove_character_keys: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Taken from each that has them."
    )
    type: MediaType | None = strawberry.field(default=strawberry.UNSET, description="What they are for.")
    status: MediaStatus | None = strawberry.field(default=strawberry.UNSET, description="ACTIVE, DRAFT or ARCHIVED.")
    episode_number: int | None = strawberry.field(
        default=strawberry.UNSET, description="From 1 to the number of episodes of each of their projects."
    )
    scene_key: str | None = strawberry.field(default=strawberry.UNSET, description="Up to 100 characters.")


@strawberry.type(description="Answer of `updateManyMedia`.")
class ManyMediaPayload:
    media: list[Media] = strawberry.field(
        default_factory=list, description="As stored, in the order of `ids`; empty when refused."
    )
    errors: list[UserError] = error_list()


@strawberry.type
class MediaBulkMutation:
    @strawberry.mutation(
        description="Change many media in the same way. One that cannot be changed refuses them all: the error's "
        '`field` is then ["ids", its place in `ids`, from 0].'
    )
    @answers(ManyMediaPayload)
    def update_many_media(self, info: Info, input: Input[UpdateManyMediaInput]) -> ManyMediaPayload:
        user = require_user(info)
        changes = given(
            input,
            *("add_tags", "remove_tags", "add_character_keys", "remove_character_keys"),
            *("type", "status", "episode_number", "scene_key"),
        )
        if "type" in changes:
            changes["media_type"] = changes.pop("type")
        media_ids = [_media_id(value, position) for position, value in enumerate(input.ids)]
        done = bulk.update_many(user=user, media_ids=media_ids, changes=changes)
        return ManyMediaPayload(media=cast("list[Media]", done.media))


def _media_id(value: str, position: int) -> int:
    try:
        return parse_id(value, "Media")
    except DomainError:
        raise bulk.unknown_media(position) from None
