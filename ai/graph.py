"""The workflow as a plain graph: which moves are allowed, what is wrong with it, how far a production is.

Nothing here knows where the steps come from. `completed` is always a set of step slugs; slugs that the graph
does not hold (of steps no longer published) count for nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

MANUAL_OVERRIDE = "manual_override"
MOST_CHOICES = 4


@dataclass(frozen=True, slots=True)
class GraphChoice:
    """A choice that a step offers, with the effect that choosing it has."""

    slug: str
    title: str
    leads_to: str | None = None
    submits: str | None = None
    finishes: bool = False
    is_recommended: bool = False


@dataclass(frozen=True, slots=True)
class GraphStep:
    """A published step. `next_steps` and `task_types` are slugs; `phase` is the phase's value."""

    slug: str
    title: str
    phase: str
    order: int
    required: bool = True
    next_steps: tuple[str, ...] = ()
    choices: tuple[GraphChoice, ...] = ()
    task_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a graph may not be published, in words for an editor.

    `step_slug` is None where it concerns the whole workflow. `field` is slug, order, required, next_steps or
    choices.
    """

    step_slug: str | None
    field: str | None
    message: str


class UnknownStepError(LookupError):
    """The graph has no such step, or no step at all."""


@dataclass(frozen=True)
class Graph:
    """Published steps in their order."""

    steps: tuple[GraphStep, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(sorted(self.steps, key=lambda step: step.order)))

    @cached_property
    def _by_slug(self) -> dict[str, GraphStep]:
        return {step.slug: step for step in reversed(self.steps)}

    @property
    def start(self) -> GraphStep:
        """The step of the lowest order. Raises UnknownStepError for an empty graph."""
        return self._at(0)

    @property
    def last(self) -> GraphStep:
        """The step of the highest order. Raises UnknownStepError for an empty graph."""
        return self._at(-1)

    def _at(self, index: int) -> GraphStep:
        if not self.steps:
            raise UnknownStepError("No workflow step is published.")
        return self.steps[index]

    def find(self, slug: str) -> GraphStep | None:
        """The step of that slug, or None."""
        return self._by_slug.get(slug)

    def step(self, slug: str) -> GraphStep:
        """The step of that slug. Raises UnknownStepError."""
        step = self.find(slug)
        if step is None:
            raise UnknownStepError(f"The workflow has no published step “{slug}”.")
        return step

    def allows(self, from_slug: str, to_slug: str) -> bool:
        """Whether a session may move from one step to the other."""
        step = self.find(from_slug)
        return step is not None and to_slug in step.next_steps and self.find(to_slug) is not None

    def is_forward(self, from_slug: str, to_slug: str) -> bool:
        """Whether the move goes to a later order, and so completes its step. Raises UnknownStepError."""
        return self.step(to_slug).order > self.step(from_slug).order

    @property
    def required(self) -> tuple[GraphStep, ...]:
        """The steps that progress is counted in."""
        return tuple(step for step in self.steps if step.required)


def overall_progress(completed: set[str], graph: Graph) -> int:
    """The share of required steps completed, in whole percent, rounded down."""
    required = graph.required
    if not required:
        return 100
    return 100 * sum(step.slug in completed for step in required) // len(required)


def first_open_step(completed: set[str], graph: Graph) -> GraphStep:
    """The first required step not yet completed; the last step if all are.

    Raises UnknownStepError for an empty graph.
    """
    return next((step for step in graph.required if step.slug not in completed), graph.last)


def current_phase(completed: set[str], graph: Graph) -> str:
    """The phase of the first open step. Raises UnknownStepError for an empty graph."""
    return first_open_step(completed, graph).phase


def recommended_path(graph: Graph) -> tuple[str, ...]:
    """The slugs that one passes by always taking the recommended choice.

    From the start until that choice finishes, stays, or turns back to a step already passed.
    """
    path = [graph.start.slug]
    while True:
        step = graph.step(path[-1])
        target = next((choice.leads_to for choice in step.choices if choice.is_recommended), None)
        if target is None or target in path or not graph.allows(step.slug, target):
            return tuple(path)
        path.append(target)


def find_problems(graph: Graph) -> list[Problem]:
    """All that makes the graph unfit to be published, each with what to do; empty where it is sound."""
    if not graph.steps:
        return [Problem(None, None, "The workflow has no start: publish at least one step.")]
    return [problem for rule in _RULES for problem in rule(graph)]


def _doubles(graph: Graph) -> Iterator[Problem]:
    for index, step in enumerate(graph.steps):
        earlier = graph.steps[:index]
        if any(other.slug == step.slug for other in earlier):
            yield Problem(step.slug, "slug", f"Two steps are called “{step.slug}”: give one of them another slug.")
        twin = next((other for other in earlier if other.order == step.order), None)
        if twin:
            yield Problem(
                step.slug,
                "order",
                f"“{twin.title}” has the order {step.order} as well: give one of them another.",
            )


def _required(graph: Graph) -> Iterator[Problem]:
    if not graph.required:
        yield Problem(None, "required", "No step is required, so progress cannot be counted: require at least one.")


def _transitions(graph: Graph) -> Iterator[Problem]:
    for step in graph.steps:
        if step.slug in step.next_steps:
            yield Problem(
                step.slug,
                "next_steps",
                "A step cannot lead to itself: a session stays as long as it needs. Remove that row.",
            )
        for slug in step.next_steps:
            if graph.find(slug) is None:
                yield Problem(
                    step.slug,
                    "next_steps",
                    f"“{slug}” is not a published step: publish it or remove the row.",
                )


def _reachable(graph: Graph) -> Iterator[Problem]:
    reached = _walk(graph, lambda step: step.next_steps)
    for step in graph.steps:
        if step.slug not in reached:
            yield Problem(
                step.slug,
                None,
                f"Nobody can reach “{step.title}” from the start: add it to the next steps of a step that "
                "can be reached, publish that step, then publish this one.",
            )


def _dead_ends(graph: Graph) -> Iterator[Problem]:
    for step in graph.steps:
        if step is not graph.last and not any(graph.allows(step.slug, slug) for slug in step.next_steps):
            yield Problem(
                step.slug,
                "next_steps",
                f"“{step.title}” is a dead end: add at least one published step that follows it.",
            )


def _ending(graph: Graph) -> Iterator[Problem]:
    if not any(choice.finishes for choice in graph.last.choices):
        yield Problem(
            graph.last.slug,
            "choices",
            f"“{graph.last.title}” is the last step: give it a choice that finishes the series.",
        )
    for step, choice in _choices(graph):
        if choice.finishes and step is not graph.last:
            yield Problem(
                step.slug,
                "choices",
                f"Only the last step, “{graph.last.title}”, may finish the series: "
                f"let “{choice.title}” lead on instead.",
            )


def _offers(graph: Graph) -> Iterator[Problem]:
    for step in graph.steps:
        if len(step.choices) > MOST_CHOICES:
            yield Problem(
                step.slug,
                "choices",
                f"A step offers at most {MOST_CHOICES} choices: remove {len(step.choices) - MOST_CHOICES}.",
            )
        recommended = sum(choice.is_recommended for choice in step.choices)
        if recommended != 1:
            yield Problem(
                step.slug,
                "choices",
                "No choice is recommended: recommend one." if not recommended else "Recommend one choice, not several.",
            )
        slugs = [choice.slug for choice in step.choices]
        for slug in sorted({slug for slug in slugs if slugs.count(slug) > 1}):
            yield Problem(step.slug, "choices", f"Two choices are called “{slug}”: give one of them another slug.")


def _effects(graph: Graph) -> Iterator[Problem]:
    for step, choice in _choices(graph):
        if choice.slug == MANUAL_OVERRIDE:
            yield Problem(
                step.slug,
                "choices",
                f"“{MANUAL_OVERRIDE}” is offered at every step by itself: give “{choice.title}” another slug.",
            )
        if choice.leads_to is not None and not graph.allows(step.slug, choice.leads_to):
            yield Problem(
                step.slug,
                "choices",
                f"“{choice.title}” leads to “{choice.leads_to}”, not among this step's published next "
                "steps: add it there (and publish that step), or let the choice lead elsewhere.",
            )
        if choice.submits is not None and choice.submits not in step.task_types:
            yield Problem(
                step.slug,
                "choices",
                f"“{choice.title}” starts the task “{choice.submits}”, which this step does not allow: "
                "allow it under task types, or take it from the choice.",
            )
        if choice.finishes and choice.leads_to is not None:
            yield Problem(
                step.slug,
                "choices",
                f"“{choice.title}” cannot both finish the series and lead to a step: keep one of the two.",
            )


def _the_way_through(graph: Graph) -> Iterator[Problem]:
    reached = _walk(graph, lambda step: tuple(choice.leads_to for choice in step.choices if choice.leads_to))
    if graph.last.slug not in reached:
        yield Problem(
            None,
            "choices",
            f"Nobody gets from “{graph.start.title}” to “{graph.last.title}” by the offered choices: "
            "let a choice of every step on the way lead to the next.",
        )


_RULES: tuple[Callable[[Graph], Iterator[Problem]], ...] = (
    _doubles,
    _required,
    _transitions,
    _reachable,
    _dead_ends,
    _ending,
    _offers,
    _effects,
    _the_way_through,
)


def _choices(graph: Graph) -> Iterator[tuple[GraphStep, GraphChoice]]:
    for step in graph.steps:
        for choice in step.choices:
            yield step, choice


def _walk(graph: Graph, onward: Callable[[GraphStep], tuple[str, ...]]) -> set[str]:
    """Slugs that can be reached from the start by allowed moves among those that `onward` names."""
    reached, waiting = {graph.start.slug}, [graph.start]
    while waiting:
        step = waiting.pop()
        for slug in onward(step):
            if slug not in reached and graph.allows(step.slug, slug):
                reached.add(slug)
                waiting.append(graph.step(slug))
    return reached
