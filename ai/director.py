"""One turn's prompt: who the director is, what it may do here, what was said, and what the user says now."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ai.attachments import name_of, named_only, prepare
from ai.contract import ChatMessage, LeftOut, NextStep, Prompt, Scene, Step, TaskType
from ai.replies import Reply
from ai.templates import disarm, fence, fence_json, render
from ai.text import clean, clean_json, one_line, sentence, shorten
from ai.tokens import message_tokens, prompt_tokens, schema_tokens
from ai.tool import DESCRIPTION_LENGTH, MOST_CHOICES, TITLE_LENGTH, direct_tool

PROJECT_FACTS = (
    "title",
    "description",
    "genre",
    "episode_count",
    "target_audience",
    "aspect_ratio",
    "episode_duration",
    "quality_tier",
    "progress",
)
LONGEST_FACT = 4_000
LONGEST_PREFERENCES = 3_000
LONGEST_SUMMARY = 6_000
LONGEST_PINNED_FACT = 300
MOST_PINNED_FACTS = 30
LONGEST_SCHEMA = 4_000
# Room that is kept for the line about each thing that is left out, before the lines are known.
LEFT_OUT_TOKENS = 60
# What of a reply's words and of its structured part are given back for a repair, in characters.
LONGEST_WORDS_BACK = 6_000
LONGEST_STRUCTURE_BACK = 12_000
# An earlier message's pictures are sent again small, and only the latest few of them.
EARLIER_MESSAGE_TOKENS = 1_200
MOST_EARLIER_WITH_FILES = 3


def build_prompt(scene: Scene, *, token_budget: int, max_tokens: int, sees_pictures: bool = True) -> Prompt:
    """The prompt for `scene` in about `token_budget` input tokens (estimated, see `ai.tokens`). The frame and the
    present message always go in; its files are made smaller, or left out by name, until they fit. History fills
    what remains, newest turns first and only whole ones. `max_tokens` bounds the answer; a model that
    `sees_pictures` is given them. Files are read and decoded here: call it from a thread where a loop must not wait.
    """
    tool = direct_tool(scene.step)
    files = len(scene.message.attachments)
    fixed = message_tokens(_system(scene, left_out=())) + schema_tokens(tool) + LEFT_OUT_TOKENS * (files + 1)
    room = token_budget - fixed - message_tokens(named_only(scene.message))
    present = prepare(scene.message, tokens=max(0, room), sees_pictures=sees_pictures)
    notes = [_note(item) for item in present.left_out]
    frame = _system(scene, left_out=notes)
    used = message_tokens(frame) + schema_tokens(tool) + LEFT_OUT_TOKENS + message_tokens(present.message)
    history, forgotten = _history(scene.history, max(0, token_budget - used), sees_pictures=sees_pictures)
    if forgotten:
        frame = _system(scene, left_out=[*notes, f"The oldest {forgotten} messages of this conversation."])
    return Prompt((frame, *history, present.message), tool, max_tokens, scene, present.left_out)


def build_repair_prompt(scene: Scene, reply: Reply, structure: str, *, token_budget: int, max_tokens: int) -> Prompt:
    """Ask for the structured part of `reply` once more, and for nothing else: what it was and what is wrong with it is
    given back. History and files are not sent again. In about `token_budget` input tokens.
    """
    tool = direct_tool(scene.step)

    def written(words: int, back: int) -> tuple[ChatMessage, ...]:
        text = render(
            "repair",
            words=fence("the words", shorten(reply.text, words)),
            structure=fence("the structured part", shorten(structure, back)),
            faults=fence("what is wrong", "\n".join(f"- {fault}" for fault in reply.faults)),
            step_title=disarm(one_line(scene.step.title)),
            next_steps=_next_steps(scene.step),
            task_types=_task_types(scene.step),
            decision=_decision(scene),
        )
        return ChatMessage("system", text), ChatMessage("user", "Call `direct` now.")

    messages = written(LONGEST_WORDS_BACK, LONGEST_STRUCTURE_BACK)
    if prompt_tokens(messages, tool) > token_budget:
        messages = written(LONGEST_WORDS_BACK // 6, LONGEST_STRUCTURE_BACK // 6)
    return Prompt(messages, tool, max_tokens, scene, must_call=True)


def _note(item: LeftOut) -> str:
    return f"The file '{name_of(item)}': {sentence(item.reason)}"


def _system(scene: Scene, *, left_out: Sequence[str]) -> ChatMessage:
    step = scene.step
    text = render(
        "frame",
        project=fence_json("project", _facts(scene.project)),
        preferences=_preferences(scene.preferences),
        memory=_memory(scene),
        step_title=disarm(one_line(step.title)),
        phase=disarm(one_line(step.phase.replace("_", " "))),
        step_description=disarm(step.description),
        instructions=disarm(step.instructions),
        next_steps=_next_steps(step),
        task_types=_task_types(step),
        decision=_decision(scene),
        reporting=_reporting(step),
        left_out="\n".join(f"- {line}" for line in left_out) or "Nothing.",
    )
    return ChatMessage("system", text)


def _facts(project: Mapping[str, str | int]) -> dict[str, str | int]:
    known = ((name, project[name]) for name in PROJECT_FACTS if project.get(name) not in (None, ""))
    return {name: shorten(clean(value), LONGEST_FACT) if isinstance(value, str) else value for name, value in known}


def _preferences(preferences: Mapping[str, Any]) -> str:
    if not preferences:
        return "None were given."
    text = json.dumps(clean_json(dict(preferences)), ensure_ascii=False, default=str)
    return fence("preferences", shorten(text, LONGEST_PREFERENCES))


def _memory(scene: Scene) -> str:
    parts = []
    if scene.summary.strip():
        parts.append(fence("summary of the conversation so far", shorten(scene.summary.strip(), LONGEST_SUMMARY)))
    if scene.pinned_facts:
        facts = scene.pinned_facts[:MOST_PINNED_FACTS]
        parts.append(fence("pinned facts", "\n".join(f"- {shorten(one_line(f), LONGEST_PINNED_FACT)}" for f in facts)))
    return "\n\n".join(parts) or "Nothing yet."


def _next_steps(step: Step) -> str:
    if not step.next_steps:
        return "Nowhere: this is the last step." if step.is_last else "Nowhere: stay at this step."
    return "\n".join(map(_next_step, step.next_steps))


def _next_step(item: NextStep) -> str:
    return f"- `{item.slug}`: {disarm(one_line(item.title))}. {disarm(one_line(item.description))}".rstrip()


def _task_types(step: Step) -> str:
    return "\n".join(map(_task_type, step.task_types)) or "Nothing."


def _task_type(item: TaskType) -> str:
    schema = json.dumps(dict(item.input_schema), ensure_ascii=False, default=str)
    title = disarm(one_line(item.title))
    return f"- `{item.slug}`: {title}. Schema of its input: {shorten(schema, LONGEST_SCHEMA)}"


def _decision(scene: Scene) -> str:
    chosen = scene.chosen
    if chosen is None:
        return "None: the message was written freely."
    lines = [f"The producer chose: {disarm(one_line(chosen.title))} (`{chosen.slug}`)."]
    if chosen.leads_to:
        title = next((s.title for s in scene.step.next_steps if s.slug == chosen.leads_to), chosen.leads_to)
        lines.append(
            f"With this the session moves on to: {disarm(one_line(title))}. That is decided: close this step "
            "in a sentence or two, open the next one, report no other step and offer no choices."
        )
    if chosen.submits:
        lines.append(
            f"With this the task `{chosen.submits}` starts. Report it as the action, with an input that "
            "fits its schema."
        )
    if chosen.finishes:
        lines.append("With this the series is finished: look back, and say what remains to be done outside.")
    return "\n".join(lines)


def _reporting(step: Step) -> str:
    offered = ", ".join(disarm(one_line(title)) for title in step.choice_titles) or "nothing"
    return render(
        "tool",
        most_choices=str(MOST_CHOICES),
        title_length=str(TITLE_LENGTH),
        description_length=str(DESCRIPTION_LENGTH),
        offered=offered,
    )


def _history(history: Sequence[ChatMessage], tokens: int, *, sees_pictures: bool) -> tuple[list[ChatMessage], int]:
    """The newest whole turns that fit in `tokens`, oldest first, and how many messages were left out."""
    kept: list[ChatMessage] = []
    with_files = 0
    turns = _turns(history)
    for index in range(len(turns) - 1, -1, -1):
        may_carry = with_files < MOST_EARLIER_WITH_FILES
        messages = _fitting(turns[index], tokens, may_carry=may_carry, sees_pictures=sees_pictures)
        if messages is None:
            return kept, sum(map(len, turns[: index + 1]))
        with_files += any(message.attachments for message in turns[index])
        tokens -= sum(map(message_tokens, messages))
        kept = [*messages, *kept]
    return kept, 0


def _turns(history: Sequence[ChatMessage]) -> list[list[ChatMessage]]:
    """A turn begins with a user's message; what stands before the first is a turn of its own."""
    turns: list[list[ChatMessage]] = []
    for message in history:
        if message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns


def _fitting(
    turn: Sequence[ChatMessage], tokens: int, *, may_carry: bool, sees_pictures: bool
) -> list[ChatMessage] | None:
    """The turn with its files where they fit, else with their names, else None."""
    bare = [named_only(message) for message in turn]
    cost = sum(map(message_tokens, bare))
    if cost > tokens:
        return None
    if not may_carry or not any(message.attachments for message in turn):
        return bare
    room = min(EARLIER_MESSAGE_TOKENS, tokens - cost)
    full = [_again(message, bare[index], room, sees_pictures) for index, message in enumerate(turn)]
    return full if sum(map(message_tokens, full)) <= tokens else bare


def _again(message: ChatMessage, bare: ChatMessage, tokens: int, sees_pictures: bool) -> ChatMessage:
    if not message.attachments:
        return bare
    prepared = prepare(message, tokens=tokens, sees_pictures=sees_pictures)
    if not prepared.left_out:
        return prepared.message
    if sum(item.is_all for item in prepared.left_out) == len(message.attachments):
        return bare
    notes = " ".join(map(_note, prepared.left_out))
    return replace(prepared.message, text=f"{prepared.message.text}\n\n[Of these files: {notes}]")
