"""What can go wrong with a model, in words for people.

AIError
├── ProviderFailedError         the service failed for good, or broke off
├── ProviderMisconfiguredError  it refuses our key, address, model name or account
│   └── PromptTooLongError      the prompt does not fit the model
├── ContentRefusedError         its moderation said no
├── RateLimitedError            too many requests; `retry_after` seconds where known
└── TimedOutError               no answer in time
"""

from typing import ClassVar, Literal

from ai.contract import ProviderCall

Code = Literal["PROVIDER_FAILED", "PROVIDER_MISCONFIGURED", "CONTENT_REFUSED", "RATE_LIMITED", "TIMED_OUT"]


class AIError(Exception):
    """`message` is for the person in the chat and never holds what the provider wrote; `detail` is for the
    log.

    `transient` says that the same request may well succeed a moment later. `calls` are those that used tokens
    before it came to this.
    """

    code: ClassVar[Code] = "PROVIDER_FAILED"
    default_message: ClassVar[str] = "The director could not answer. Please try again."

    def __init__(
        self,
        message: str = "",
        *,
        detail: str = "",
        retry_after: int | None = None,
        transient: bool = False,
    ) -> None:
        self.message = message or self.default_message
        self.detail = detail
        self.retry_after = retry_after
        self.transient = transient
        self.calls: tuple[ProviderCall, ...] = ()
        super().__init__(self.message)


class ProviderFailedError(AIError):
    code = "PROVIDER_FAILED"
    default_message = (
        "The director's service failed and gave no complete answer. Your message is saved: please try again."
    )


class ProviderMisconfiguredError(AIError):
    code = "PROVIDER_MISCONFIGURED"
    default_message = (
        "The director's service refuses our settings. "
        "Please tell an operator to check its address, key and model name; then try again."
    )


class PromptTooLongError(ProviderMisconfiguredError):
    """`limit` is the most tokens that the model takes, `given` how many it counted in the prompt; None is unknown."""

    limit: int | None = None
    given: int | None = None
    default_message = (
        "This conversation is longer than the director's model can read. "
        "Send a shorter message or smaller files, or ask an operator to lower the token budget."
    )


class ContentRefusedError(AIError):
    code = "CONTENT_REFUSED"
    default_message = (
        "The director's service declined this content under its safety rules. "
        "Please say it differently or leave out the file concerned."
    )


class RateLimitedError(AIError):
    code = "RATE_LIMITED"
    default_message = "The director's service is busy and takes no more requests just now. Please try again soon."


class TimedOutError(AIError):
    code = "TIMED_OUT"
    default_message = "The director did not answer in time. Your message is saved: please try again."
