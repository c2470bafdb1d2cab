"""Qwen3-VL, or any other model behind an OpenAI-compatible endpoint."""

import asyncio
import json
import random
import ssl
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import cache
from typing import Any

import httpx

from ai.config import ModelConfig
from ai.contract import Completion, Delta, Prompt, ProviderCall, Usage
from ai.errors import (
    AIError,
    ContentRefusedError,
    ProviderFailedError,
    ProviderMisconfiguredError,
    TimedOutError,
)
from ai.fences import ProseFilter
from ai.provider_errors import error_from, read_refusal, redacted, refusal_of, seconds_of
from ai.sse import StreamBrokenError, event_data
from ai.text import clean, is_blank
from ai.tokens import byte_length, prompt_tokens, tokens_of_bytes
from ai.wire import Chunk, ToolPiece, arguments_of, is_error, read_chunk, request_body

# A model that loops is stopped here; the reply then ends as if max_tokens had been reached.
LONGEST_REPLY = 60_000
# Usage comes after the finish reason. A server that keeps the connection open without it is not waited for.
SECONDS_FOR_USAGE = 3.0
_LONGEST_ERROR_BODY = 100_000


class _NoToolsError(Exception):
    """The endpoint refuses function calls."""


@cache
def _trust() -> ssl.SSLContext:
    """Made once a process: it takes 25 ms, in which the loop would do nothing else."""
    return httpx.create_ssl_context()


class QwenDirector:
    """A `ChatModel`. One object serves any number of streams and event loops: each request has its own
    connection, so a cancelled stream hangs up at once and no kept-alive connection can die between two
    turns.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.name = config.model
        self.sees_pictures = config.pictures
        self._config = config
        self._tools = config.tools

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Completion, None]:
        """Deltas, then one Completion. Raises AIError; tries again only before the first token."""
        deadline = asyncio.get_running_loop().time() + self._config.total_timeout
        tools = self._tools
        tries = 0
        while True:
            answer = _Answer(prompt, self._config.model)
            try:
                async with aclosing(self._once(prompt, answer, deadline, tools=tools)) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except _NoToolsError:
                tools = False
                # Some take functions and no order to call one, as DashScope where the model thinks.
                self._tools = self._tools and prompt.must_call
            except AIError as error:
                error.calls = answer.calls
                tries += 1
                pause = self._pause_before(error, tries)
                left = deadline - asyncio.get_running_loop().time()
                if answer.began or not error.transient or tries > self._config.retries or not 0 <= pause < left:
                    raise
                await asyncio.sleep(pause)

    def _pause_before(self, error: AIError, tries: int) -> float:
        """Seconds until the next try; negative where the provider asks for more patience than we have."""
        if error.retry_after is not None:
            return float(error.retry_after) if error.retry_after <= self._config.longest_retry_after else -1.0
        return self._config.backoff * 2.0 ** (tries - 1) * random.uniform(0.5, 1.5)

    async def _once(
        self, prompt: Prompt, answer: "_Answer", deadline: float, *, tools: bool
    ) -> AsyncGenerator[Delta | Completion, None]:
        """One request."""
        async with aclosing(self._chunks(prompt, answer, deadline, tools=tools)) as chunks:
            async for chunk in chunks:
                shown = answer.take(chunk)
                if shown:
                    yield Delta(shown)
                if answer.is_too_long:
                    break
        if rest := answer.end():
            yield Delta(rest)
        yield answer.completion()

    async def _chunks(
        self, prompt: Prompt, answer: "_Answer", deadline: float, *, tools: bool
    ) -> AsyncGenerator[Chunk, None]:
        """The chunks of one answer. Every failure of the transport and of the provider becomes an AIError."""
        try:
            async with (
                asyncio.timeout_at(deadline) as clock,
                self._client() as client,
                client.stream("POST", self._address, **self._request(prompt, tools=tools)) as response,
            ):
                # The deadline holds while we wait, not while the reader of our deltas does something else.
                clock.reschedule(None)
                await self._check(response, deadline, tools=tools and prompt.tool is not None)
                async with aclosing(_events(response)) as events:
                    while (chunk := await self._next(events, answer, deadline)) is not None:
                        yield chunk
        except TimeoutError:
            raise TimedOutError(detail="the total deadline passed", transient=False) from None
        except httpx.TimeoutException as error:
            raise TimedOutError(detail=type(error).__name__, transient=True) from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError) as error:
            raise ProviderMisconfiguredError(detail=type(error).__name__) from None
        except (httpx.LocalProtocolError, httpx.ProxyError) as error:
            raise ProviderMisconfiguredError(detail=self._redacted(error)) from None
        except (httpx.RequestError, StreamBrokenError) as error:
            raise ProviderFailedError(detail=self._redacted(error), transient=True) from None

    async def _next(self, events: AsyncGenerator[Any, None], answer: "_Answer", deadline: float) -> Chunk | None:
        """The next chunk; None at the end. Raises ProviderFailedError where the answer ends without having been
        finished.
        """
        loop = asyncio.get_running_loop()
        until = min(deadline, loop.time() + SECONDS_FOR_USAGE) if answer.is_finished else deadline
        try:
            async with asyncio.timeout_at(until):
                value = await anext(events)
        except StopAsyncIteration:
            value = None
        except (TimeoutError, httpx.RequestError):
            if not answer.is_finished:
                raise
            return None
        if value is None or value == "[DONE]":
            if value is None and not answer.is_finished:
                raise ProviderFailedError(detail="the stream ended before the answer did", transient=True)
            return None
        if not isinstance(value, dict):
            raise ProviderFailedError(detail="a chunk is not an object", transient=True)
        if is_error(value):
            raise error_from(refusal_of(200, value), secret=self._config.api_key)
        return read_chunk(value)

    async def _check(self, response: httpx.Response, deadline: float, *, tools: bool) -> None:
        if response.status_code == 200:
            kind = response.headers.get("content-type", "")
            if kind.startswith("text/html"):
                raise ProviderMisconfiguredError(detail="the address answers with a web page")
            return
        async with asyncio.timeout_at(deadline):
            refusal = read_refusal(response.status_code, await _beginning(response))
        if tools and refusal.is_about_tools:
            raise _NoToolsError
        wait = seconds_of(response.headers.get("retry-after"))
        raise error_from(refusal, secret=self._config.api_key, retry_after=wait)

    def _client(self) -> httpx.AsyncClient:
        silence = self._config.silence_timeout
        timeout = httpx.Timeout(silence, connect=self._config.connect_timeout)
        return httpx.AsyncClient(timeout=timeout, verify=_trust(), follow_redirects=False)

    @property
    def _address(self) -> str:
        return f"{self._config.base_url.rstrip('/')}/chat/completions"

    def _request(self, prompt: Prompt, *, tools: bool) -> dict[str, Any]:
        headers = {"Accept": "text/event-stream"}
        if self._config.api_key:
            headers["Authorization"] = f"Bearer {self._config.api_key}"
        return {"headers": headers, "json": request_body(prompt, self._config, tools=tools)}

    def _redacted(self, error: Exception) -> str:
        return redacted(f"{type(error).__name__}: {error}", self._config.api_key)


class _Answer:
    """What has arrived of one answer. `model` is what was asked, where the provider does not name it."""

    def __init__(self, prompt: Prompt, model: str) -> None:
        self.began = False
        self.is_finished = False
        self._prompt = prompt
        self._model = model
        self._filter = ProseFilter()
        self._text = ""
        # Of text and structure; thinking may be longer, but is paid for as well.
        self._length = 0
        self._bytes = 0
        self._pieces: list[ToolPiece] = []
        self._finish_reason = "stop"
        self._usage: Usage | None = None

    @property
    def is_too_long(self) -> bool:
        return self._length > LONGEST_REPLY

    def take(self, chunk: Chunk) -> str:
        """What of the chunk is to be shown now. Raises ContentRefusedError where moderation ended the answer."""
        self.began = self.began or chunk.is_progress
        self._pieces.extend(chunk.pieces)
        said = chunk.text + "".join(piece.arguments for piece in chunk.pieces)
        self._length += len(said)
        self._bytes += byte_length(said) + byte_length(chunk.reasoning)
        self._usage = chunk.usage or self._usage
        self._model = chunk.model or self._model
        if chunk.finish_reason is not None:
            self.is_finished = True
            self._finish_reason = chunk.finish_reason
        if chunk.finish_reason == "content_filter":
            raise ContentRefusedError(detail="finish_reason content_filter")
        return self._shown(self._filter.feed(clean(chunk.text)))

    def end(self) -> str:
        if self.is_too_long:
            self._finish_reason = "length"
        return self._shown(self._filter.finish())

    def _shown(self, text: str) -> str:
        self._text += text
        return text

    @property
    def calls(self) -> tuple[ProviderCall, ...]:
        """The call as it is by now; nothing where the provider has not begun to answer."""
        if not self.began and self._usage is None:
            return ()
        return (ProviderCall(self._model, self._used, self._usage is None),)

    @property
    def _used(self) -> Usage:
        if self._usage is not None:
            return self._usage
        return Usage(prompt_tokens(self._prompt.messages, self._prompt.tool), tokens_of_bytes(self._bytes))

    def completion(self) -> Completion:
        """Raises ProviderFailedError where the answer holds neither words nor structure."""
        arguments = arguments_of(self._pieces) or self._filter.arguments
        if is_blank(self._text) and not arguments:
            raise ProviderFailedError(
                "The director gave an empty answer. Please try again, or say more about what you want.",
                detail=f"empty answer, finish_reason {self._finish_reason}",
            )
        is_estimated = self._usage is None
        return Completion(self._text, arguments, self._finish_reason, self._used, self._model, is_estimated)


async def _events(response: httpx.Response) -> AsyncGenerator[Any, None]:
    """Each event's JSON, or "[DONE]". A server that answers in one piece gives one event."""
    if response.headers.get("content-type", "").startswith("application/json"):
        yield _json(await _beginning(response))
        return
    async with aclosing(event_data(response.aiter_bytes())) as events:
        async for data in events:
            if data.strip() == "[DONE]":
                yield "[DONE]"
                return
            yield _json(data)


def _json(data: str | bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ProviderFailedError(detail=f"a chunk is no JSON: {type(error).__name__}", transient=True) from None


async def _beginning(response: httpx.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _LONGEST_ERROR_BODY:
            break
    return body


__all__ = ["QwenDirector"]
