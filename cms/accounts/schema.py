"""The API's doors to people."""

from typing import cast

import strawberry
from django.contrib.auth import logout as end_session
from django.http import HttpRequest
from strawberry.scalars import JSON

from cms.api.context import require_user, viewer
from cms.api.errors import answers
from cms.api.node import register_node
from cms.api.values import Input, given

from . import services
from .policy import visible_user
from .types import AuthPayload, Info, LogoutPayload, MePayload, User

register_node("User", visible_user)


@strawberry.input(description="Sign in without cookies.")
class LoginInput:
    email: str = strawberry.field(description="The address that one signs in with.")
    password: str = strawberry.field(description="The password.")


@strawberry.input(description="Sign out.")
class LogoutInput:
    everywhere: bool | None = strawberry.field(default=False, description="End all of the caller's tokens.")


@strawberry.input(description="Change one's own name and preferences. An absent field stays as it is.")
class UpdateMeInput:
    name: str | None = strawberry.field(default=strawberry.UNSET, description="1 to 150 characters.")
    preferences: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="Merged by top-level key; null removes a key."
    )


@strawberry.type
class AccountsQuery:
    @strawberry.field(description="The caller; null where nobody is signed in.")
    def me(self, info: Info) -> User | None:
        return cast("User | None", viewer(info))


@strawberry.type
class AccountsMutation:
    @strawberry.mutation(description="Answers with a Bearer token, for clients without cookies.")
    @answers(AuthPayload, public=True)
    def login(self, info: Info, input: Input[LoginInput]) -> AuthPayload:
        token, row = services.login(email=input.email, password=input.password, request=info.context.http_request)
        # What the payload tells of them is their own.
        info.context.user = row.user
        return AuthPayload(token=token, expires_at=row.expires_at, user=cast("User", row.user))

    @strawberry.mutation(
        description="End the Bearer token used, or the cookie's session; or all of the caller's tokens."
    )
    @answers(LogoutPayload)
    def logout(self, info: Info, input: Input[LogoutInput | None] = None) -> LogoutPayload:
        token, request = info.context.token, info.context.request
        services.logout(user=require_user(info), token=token, everywhere=bool(input and input.everywhere))
        if token is None and isinstance(request, HttpRequest):
            end_session(request)
        return LogoutPayload()

    @strawberry.mutation(description="Change one's own name and preferences.")
    @answers(MePayload)
    def update_me(self, info: Info, input: Input[UpdateMeInput]) -> MePayload:
        user = services.update_me(user=require_user(info), changes=given(input, "name", "preferences"))
        return MePayload(user=cast("User", user))
