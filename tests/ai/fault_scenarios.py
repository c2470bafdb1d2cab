"""What the fault server can do, by name."""

import json
from collections.abc import Callable
from email.utils import formatdate
from time import time
from typing import Any

from tests.ai.corpus import PLAYS
from tests.ai.fault_talk import CutHere, Talk, error

PROSE = (
    "Let us open on the harbour at dawn. Two sisters wait for a boat that will not come, "
    "and one of them knows why. Keep the camera at their height, let the gulls carry the sound, "
    "and cut to the title on the first lie."
)
SLOW_WORD = 0.05
LONGEST_HANG = 60.0
OVERFLOWS = ("llama", "vllm", "vllm-output", "sglang", "dashscope", "openai")
CHOICES = [
    {
        "slug": "open_on_harbour",
        "title": "Open on the harbour",
        "description": "Start with the wait.",
        "recommended": True,
    },
    {"slug": "open_on_lie", "title": "Open on the lie", "description": "Start in the middle of it."},
]


def ok(talk: Talk) -> None:
    talk.say(PROSE)
    talk.end()


def ok_stream(talk: Talk) -> None:
    """Slow enough to be cancelled on its way: about two seconds."""
    talk.say(PROSE, pause=SLOW_WORD)
    talk.end()


def ok_tool(talk: Talk) -> None:
    talk.say(PROSE)
    talk.call(json.dumps({"next_step": None, "choices": CHOICES}))
    talk.end("tool_calls")


def ok_next(talk: Talk) -> None:
    """Moves to the first step that the request allows."""
    talk.say(PROSE)
    talk.call(json.dumps({"next_step": talk.allowed_steps[0]}))
    talk.end("tool_calls")


def tool_only(talk: Talk) -> None:
    talk.call(json.dumps({"choices": CHOICES}))
    talk.end("tool_calls")


def disallowed_step(talk: Talk) -> None:
    talk.say(PROSE)
    talk.call(json.dumps({"nextStep": "world_domination"}))
    talk.end("tool_calls")


def malformed_tool(talk: Talk) -> None:
    talk.say(PROSE)
    talk.call('{"next_step": "story_develop')
    talk.end("tool_calls")


def repairable(talk: Talk) -> None:
    """A call that is cut off, and a whole one where the model is asked again."""
    if talk.is_repair:
        talk.say("Here it is once more.")
        talk.call(json.dumps({"next_step": talk.allowed_steps[0], "choices": CHOICES, "response": "Once more."}))
        talk.end("tool_calls")
    else:
        malformed_tool(talk)


def repair_refused(talk: Talk) -> None:
    if talk.is_repair:
        broken(talk)
    else:
        malformed_tool(talk)


def repair_hangs(talk: Talk) -> None:
    if talk.is_repair:
        hang_before(talk)
    else:
        malformed_tool(talk)


def no_forced_call(talk: Talk) -> None:
    """As hosted models that think: functions, but no order to call one."""
    if "tools" not in talk.asked.body:
        fenced(talk)
    elif talk.is_repair:
        message = "The tool_choice parameter does not support being set to required or object in thinking mode"
        talk.refuse(400, error(message, "invalid_parameter_error", "invalid_request_error"))
    else:
        malformed_tool(talk)


def fragments(talk: Talk) -> None:
    """A call letter by letter, and another function's beside it."""
    talk.say(PROSE)
    arguments = json.dumps({"choices": CHOICES})
    head = {"index": 1, "id": "call_2", "type": "function", "function": {"name": "direct", "arguments": ""}}
    other = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "paint", "arguments": "{"}}
    talk.delta({"tool_calls": [other, head]})
    for letter in arguments:
        talk.delta({"tool_calls": [{"index": 1, "function": {"arguments": letter}}]})
    talk.end("tool_calls")


def fenced(talk: Talk) -> None:
    """The block in pieces of one or two characters, as a tokenizer may cut it."""
    talk.say(PROSE)
    block = "\n\n```json\n" + json.dumps({"nextStep": None, "choices": CHOICES}) + "\n```"
    for start in range(0, len(block), 2):
        talk.delta({"content": block[start : start + 2]})
    talk.end()


def no_tools(talk: Talk) -> None:
    if "tools" in talk.asked.body:
        talk.refuse(400, error("This model does not support tools.", "invalid_parameter_error"))
    else:
        fenced(talk)


def reasoning(talk: Talk) -> None:
    for word in ("The", "producer", "wants", "a", "secret", "plan"):
        talk.delta({"content": None, "reasoning_content": f"{word} "})
    ok(talk)


def no_usage(talk: Talk) -> None:
    talk.say(PROSE)
    talk.end(usage=False)


def one_piece(talk: Talk) -> None:
    """A server that does not stream although it was asked to."""
    choice = {"index": 0, "message": {"role": "assistant", "content": PROSE}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 321, "completion_tokens": 45}
    talk.refuse(200, {"model": talk.asked.body["model"], "choices": [choice], "usage": usage})


def empty(talk: Talk) -> None:
    talk.end()


def odd_separators(talk: Talk) -> None:
    """U+2028 inside a JSON text, CRLF line ends, comments between events."""
    talk.start()
    talk.raw(": keep-alive\r\n\r\n")
    value = {"choices": [{"delta": {"content": "One\u2028two 🎬"}}]}
    talk.raw(f"data: {json.dumps(value, ensure_ascii=False)}\r\n\r\n")
    talk.end()


def unauthorized(talk: Talk) -> None:
    key = talk.asked.headers.get("authorization", "")
    talk.refuse(401, error(f"Incorrect API key provided: {key}. See https://example.com/keys.", "invalid_api_key"))


def arrearage(talk: Talk) -> None:
    talk.refuse(400, error("Access denied, please make sure your account is in good standing.", "Arrearage"))


def refused(talk: Talk) -> None:
    talk.refuse(400, error("Input data may contain inappropriate content.", "data_inspection_failed"))


def _overflow_words(kind: str, talk: Talk) -> dict[str, Any]:
    """How servers say that a prompt is too long."""
    asked = talk.asked.body["max_tokens"]
    match kind:
        case "llama":
            counts = {"n_prompt_tokens": 9031, "n_ctx": 4096}
            return {"error": {"code": 400, "type": "exceed_context_size_error", "message": "too long", **counts}}
        case "vllm":
            message = (
                "This model's maximum context length is 4096 tokens. However, you requested "
                f"{9031 + asked} tokens (9031 in the messages, {asked} in the completion). Please reduce the length."
            )
            return {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}
        case "vllm-output":
            message = (
                f"This model's maximum context length is 4096 tokens. However, you requested {asked} output tokens and "
                "your prompt contains at least 4097 input tokens, for a total of at least 4097 tokens."
            )
            return {"error": {"message": message, "type": "BadRequestError", "param": None, "code": 400}}
        case "sglang":
            message = "The input (9031 tokens) is longer than the model's context length (4096 tokens)."
            return {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}
        case "dashscope":
            message = "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 4096]"
            return error(message, "invalid_parameter_error", "invalid_request_error")
    return error("Please reduce your prompt.", "context_length_exceeded", "invalid_request_error")


def _overflow_once(kind: str) -> Callable[[Talk], None]:
    def play(talk: Talk) -> None:
        if talk.times_asked == 1:
            talk.refuse(400, _overflow_words(kind, talk))
        else:
            ok(talk)

    return play


def overflow(talk: Talk) -> None:
    talk.refuse(400, _overflow_words("llama", talk))


def overflow_in_stream(talk: Talk) -> None:
    """The error comes as the first event of a stream that began well."""
    if talk.times_asked == 1:
        talk.raw(f"data: {json.dumps(_overflow_words('vllm', talk))}\n\n")
        talk.close()
    else:
        ok(talk)


def overflow_midway(talk: Talk) -> None:
    talk.say(" ".join(PROSE.split()[:8]))
    talk.raw(f"data: {json.dumps(_overflow_words('llama', talk))}\n\n")
    talk.close()


def web_page(talk: Talk) -> None:
    talk.refuse(200, "<!doctype html><title>Welcome</title>", {"Content-Type": "text/html"})


def _limited(talk: Talk, headers: dict[str, str]) -> None:
    talk.refuse(429, error("You have exceeded your current request limit.", "limit_requests"), headers)


def limited_once(talk: Talk) -> None:
    if talk.times_asked == 1:
        _limited(talk, {"Retry-After": "1"})
    else:
        ok(talk)


def limited_until_date(talk: Talk) -> None:
    if talk.times_asked == 1:
        _limited(talk, {"Retry-After": formatdate(time() + 1, usegmt=True)})
    else:
        ok(talk)


def limited(talk: Talk) -> None:
    _limited(talk, {})


def limited_for_long(talk: Talk) -> None:
    _limited(talk, {"Retry-After": "600"})


def broken_once(talk: Talk) -> None:
    if talk.times_asked == 1:
        talk.refuse(500, error("Internal error.", "internal_error"))
    else:
        ok(talk)


def broken(talk: Talk) -> None:
    talk.refuse(503, "upstream connect error")


def dropped_once(talk: Talk) -> None:
    """The connection dies before any byte, as a kept-alive one may."""
    if talk.times_asked == 1:
        raise CutHere
    ok(talk)


def cut(talk: Talk) -> None:
    talk.say(" ".join(PROSE.split()[:8]))
    raise CutHere


def ended_early(talk: Talk) -> None:
    """The stream ends properly, the answer does not: neither finish_reason nor [DONE]."""
    talk.say(" ".join(PROSE.split()[:8]))
    talk.close()


def error_in_stream(talk: Talk) -> None:
    talk.say(" ".join(PROSE.split()[:8]))
    talk.raw(f"data: {json.dumps(error('The engine died.', 'internal_error'))}\n\n")
    talk.close()


def limited_in_stream(talk: Talk) -> None:
    if talk.times_asked == 1:
        talk.raw(f"data: {json.dumps(error('Slow down.', 'limit_requests'))}\n\n")
        talk.close()
    else:
        ok(talk)


def filtered(talk: Talk) -> None:
    """Moderation ends the answer in its middle."""
    talk.say(" ".join(PROSE.split()[:8]))
    talk.end("content_filter")


def _event(text: str) -> bytes:
    value = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def split_character(talk: Talk) -> None:
    """Packets that end in the middle of letters of several bytes."""
    data = _event("Öl, 港, 🎬 and 👩‍🚀.")
    for place in range(len(data)):
        talk.raw(data[place : place + 1])
    talk.end()


def cut_in_character(talk: Talk) -> None:
    data = _event("One 港")
    talk.raw(_event("One whole 港. "))
    talk.raw(data[: data.index("港".encode()) + 1])
    raise CutHere


def refused_in_stream(talk: Talk) -> None:
    talk.say(" ".join(PROSE.split()[:8]))
    refusal = error("Output may contain inappropriate content.", "data_inspection_failed")
    talk.raw(f"data: {json.dumps(refusal)}\n\n")
    talk.close()


def hang_before(talk: Talk) -> None:
    talk.start()
    talk.pause(LONGEST_HANG)


def hang_midway(talk: Talk) -> None:
    talk.say(" ".join(PROSE.split()[:8]))
    talk.pause(LONGEST_HANG)


def hang_after(talk: Talk) -> None:
    """Everything was said, and then the server neither sends usage nor hangs up."""
    talk.say(PROSE)
    talk.delta({}, "stop")
    talk.pause(LONGEST_HANG)


def minutes(talk: Talk) -> None:
    """Replies, and summaries that are numbered."""
    if talk.is_summary:
        talk.say(f"- SUMMARY {talk.times_asked}: they settled on Lisbon.")
        talk.end()
    else:
        ok(talk)


def held_minutes(talk: Talk) -> None:
    """Summaries come when the test lets them."""
    if talk.is_summary:
        talk.start()
        while not talk.asked.go.is_set():
            talk.pause(SLOW_WORD)
    minutes(talk)


def no_minutes(talk: Talk) -> None:
    """Replies, and never a summary."""
    if talk.is_summary:
        broken(talk)
    else:
        ok(talk)


def endless(talk: Talk) -> None:
    while True:
        talk.say("again and again", pause=SLOW_WORD)


SCENARIOS: dict[str, Callable[[Talk], None]] = {
    "ok": ok,
    "ok-stream": ok_stream,
    "ok-tool": ok_tool,
    "ok-next": ok_next,
    "tool-only": tool_only,
    "disallowed-step": disallowed_step,
    "malformed-tool": malformed_tool,
    "repairable": repairable,
    "repair-refused": repair_refused,
    "repair-hangs": repair_hangs,
    "no-forced-call": no_forced_call,
    "fragments": fragments,
    "fenced": fenced,
    "no-tools": no_tools,
    "reasoning": reasoning,
    "no-usage": no_usage,
    "one-piece": one_piece,
    "empty": empty,
    "odd-separators": odd_separators,
    "401": unauthorized,
    "arrearage": arrearage,
    "refused": refused,
    "overflow": overflow,
    **{f"overflow-{kind}-once": _overflow_once(kind) for kind in OVERFLOWS},
    "overflow-in-stream": overflow_in_stream,
    "overflow-midway": overflow_midway,
    "web-page": web_page,
    "429-once": limited_once,
    "429-until-date": limited_until_date,
    "429": limited,
    "429-for-long": limited_for_long,
    "500-once": broken_once,
    "503": broken,
    "dropped-once": dropped_once,
    "cut": cut,
    "ended-early": ended_early,
    "error-in-stream": error_in_stream,
    "429-in-stream": limited_in_stream,
    "filtered": filtered,
    "split-character": split_character,
    "cut-in-character": cut_in_character,
    "refused-in-stream": refused_in_stream,
    "hang-before": hang_before,
    "hang-midway": hang_midway,
    "hang-after": hang_after,
    "endless": endless,
    "minutes": minutes,
    "held-minutes": held_minutes,
    "no-minutes": no_minutes,
    **PLAYS,
}
