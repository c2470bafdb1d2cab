"""The API's doors to people and their access tokens."""

import datetime
from typing import cast

import strawberry
from django.contrib.auth import logout as end_session
from django.http import HttpRequest
from strawberry.scalars import JSON

from cms.api.connections import After, Before, Connection, First, Last, paginate
from cms.api.context import require_user, viewer
from cms.api.errors import answers
from cms.api.ids import parse_id
from cms.api.node import register_node
from cms.api.values import Input, given

from . import services
from .choices import TokenScope
from .policy import TokenPolicy, visible_user
from .types import (
    AccessToken,
    AuthPayload,
    CreateTokenPayload,
    Info,
    LogoutPayload,
    MePayload,
    RevokeTokenPayload,
    User,
)

register_node("User", visible_user)
register_node("AccessToken", lambda user, pk: TokenPolicy(user).visible().filter(pk=pk).first())


@strawberry.input(description="Sign in without cookies.")
class LoginInput:
    email: str = strawberry.field(description="The address that one signs in with.")
    password: str = strawberry.field(description="The password.")
    code: str | None = strawberry.field(
        default=None,
        description="Of an account with a second factor: the authenticator app's code, or a recovery code.",
    )


@strawberry.input(description="Sign out.")
class LogoutInput:
    everywhere: bool | None = strawberry.field(default=False, description="End all of the caller's tokens.")


@strawberry.input(description="Change one's own name and preferences. An absent field stays as it is.")
class UpdateMeInput:
    name: str | None = strawberry.field(default=strawberry.UNSET, description="1 to 150 characters.")
    preferences: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="Merged by top-level key; null removes a key."
    )


@strawberry.input(description="Create a token for a script, an app or another server.")
class CreateTokenInput:
    name: str = strawberry.field(description="What it is for; 1 to 100 characters.")
    scopes: list[TokenScope] = strawberry.field(description="What it may do beside READ, which every token may.")
    project_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="The only projects that it reaches, which the caller is a member of; null: all."
    )
    expires_at: datetime.datetime | None = strawberry.field(
        default=None,
        description="When it ends, at most a year ahead where the site sets nothing else; null: in 90 days.",
    )


@strawberry.input(description="End a token.")
class RevokeTokenInput:
    id: strawberry.ID = strawberry.field(description="The token.")


@strawberry.type
class AccountsQuery:
    @strawberry.field(description="The caller; null where nobody is signed in.")
    def me(self, info: Info) -> User | None:
        return cast("User | None", viewer(info))

    @strawberry.field(
        description="The caller's access tokens, newest first, expired ones left out. By a token only with the scope "
        "MANAGE_TOKENS, else FORBIDDEN; by one that is limited to projects itself and those that it created."
    )
    def tokens(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[AccessToken]:
        policy = TokenPolicy(require_user(info))
        policy.require_management()
        rows = policy.visible()
        return paginate(rows, order=("-created_at", "-id"), first=first, after=after, last=last, before=before)


@strawberry.type
class AccountsMutation:
    @strawberry.mutation(description="Answers with a Bearer token, for clients without cookies.")
    @answers(AuthPayload, public=True)
    def login(self, info: Info, input: Input[LoginInput]) -> AuthPayload:
        request = info.context.http_request
        token, row = services.login(email=input.email, password=input.password, code=input.code, request=request)
        # What the payload tells of them is their own.
        info.context.user = row.user
        return AuthPayload(token=token, expires_at=row.expires_at, user=cast("User", row.user))

    @strawberry.mutation(
        description="End the Bearer token used, or the cookie's session; or all of the caller's tokens."
    )
    @answers(LogoutPayload, writes=False)
    def logout(self, info: Info, input: Input[LogoutInput | None] = None) -> LogoutPayload:
        token, request = info.context.token, info.context.request
        services.logout(user=require_user(info), token=token, everywhere=bool(input and input.everywhere))
        if token is None and isinstance(request, HttpRequest):
            end_session(request)
        return LogoutPayload()

    @strawberry.mutation(description="Change one's own name and preferences.")
    @answers(MePayload, beyond_projects=True)
    def update_me(self, info: Info, input: Input[UpdateMeInput]) -> MePayload:
        user = services.update_me(user=require_user(info), changes=given(input, "name", "preferences"))
        return MePayload(user=cast("User", user))

    @strawberry.mutation(
        description="Create an access token and be told its secret, this once. Takes a full sign-in, or a token with "
        "the scope MANAGE_TOKENS: what that creates has no more rights than it has, and ends with it."
    )
    @answers(CreateTokenPayload, writes=False)
    def create_token(self, info: Info, input: Input[CreateTokenInput]) -> CreateTokenPayload:
        projects = input.project_ids
        secret, row = services.create_token(
            user=require_user(info),
            name=input.name,
            scopes=input.scopes,
            project_ids=None if projects is None else [parse_id(pk, "Project", "project_ids") for pk in projects],
            expires_at=input.expires_at,
        )
        return CreateTokenPayload(token=cast("AccessToken", row), secret=secret)

    @strawberry.mutation(description="End a token of the caller's at once, in open sockets too.")
    @answers(RevokeTokenPayload, writes=False)
    def revoke_token(self, info: Info, input: Input[RevokeTokenInput]) -> RevokeTokenPayload:
        policy = TokenPolicy(user := require_user(info))
        policy.require_management()
        services.revoke_token(user=user, token=policy.get(parse_id(input.id, "AccessToken")))
        return RevokeTokenPayload(revoked_token_id=input.id)
