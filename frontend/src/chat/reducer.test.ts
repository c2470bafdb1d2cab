import { describe, expect, it } from "vitest";

import { type ChatState, emptyState, isOpen, reduce, timelineOf } from "./reducer";
import type { Attachment, Choice, LoadedSession, Message, ProjectMediaEvent, SessionEvent, Task, Turn } from "./types";

const AT = "2026-01-01T10:00:00Z";

function message(seq: number, changes: Partial<Message> = {}): Message {
  return {
    id: `message-${seq}`,
    seq,
    role: "USER",
    content: `words ${seq}`,
    html: `<p>words ${seq}</p>`,
    idempotencyKey: null,
    interrupted: false,
    createdAt: AT,
    author: null,
    siblings: [{ id: `message-${seq}` }],
    replies: [],
    attachments: [],
    selectedChoice: null,
    turn: null,
    ...changes,
  };
}

function turn(changes: Partial<Turn> = {}): Turn {
  return {
    id: "turn-1",
    status: "RUNNING",
    text: "",
    attempts: 1,
    model: null,
    createdAt: AT,
    startedAt: AT,
    finishedAt: null,
    error: null,
    ...changes,
  };
}

function choice(slug: string): Choice {
  return {
    id: `choice-${slug}`,
    slug,
    title: slug,
    description: "",
    icon: null,
    estimatedTime: null,
    isRecommended: false,
    isManualOverride: false,
  };
}

function session(changes: Partial<LoadedSession> = {}): LoadedSession {
  return {
    id: "session-1",
    title: "",
    shared: false,
    state: "ACTIVE",
    awaitingUserInput: true,
    lastEventSeq: 10,
    createdAt: AT,
    updatedAt: AT,
    currentStep: step("initial_concept"),
    user: { id: "user-1", name: "Ada" },
    project: {
      id: "project-1",
      title: "Harbour Lights",
      archivedAt: null,
      lastEventSeq: 5,
      progress: { currentPhase: "STORY_DEVELOPMENT", completedSteps: [], overallProgress: 0 },
      tasks: { edges: [] },
    },
    choices: [],
    activeTurn: null,
    messages: {
      edges: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
    },
    ...changes,
  };
}

function step(slug: string): LoadedSession["currentStep"] {
  return {
    id: `step-${slug}`,
    slug,
    title: slug,
    description: "",
    phase: "STORY_DEVELOPMENT",
    order: 1,
    required: true,
  };
}

function loaded(changes: Partial<LoadedSession> = {}): ChatState {
  return reduce(emptyState, { type: "loaded", session: session(changes) });
}

function after(state: ChatState, ...events: SessionEvent[]): ChatState {
  return events.reduce(
    (s, event) => reduce(s, { type: "event", event, subscription: s.subscription }),
    state,
  );
}

function added(seq: number, m: Message): SessionEvent {
  return { __typename: "MessageAddedEvent", seq, at: AT, message: m };
}

function turnUpdated(seq: number, t: Turn): SessionEvent {
  return { __typename: "TurnUpdatedEvent", seq, at: AT, turn: t };
}

function delta(offset: number, text: string, changes: { attempt?: number; turnId?: string } = {}): SessionEvent {
  return { __typename: "TurnDeltaEvent", seq: null, at: AT, turnId: "turn-1", attempt: 1, offset, text, ...changes };
}

function messagesOf(state: ChatState): number[] {
  return state.messages.map((m) => m.seq);
}

describe("stored events", () => {
  it("are taken once and in order", () => {
    const state = after(loaded(), added(11, message(1)), added(12, message(2)));
    expect(messagesOf(state)).toEqual([1, 2]);
    expect(state.lastSeq).toBe(12);
  });

  it("that repeat change nothing", () => {
    const state = after(loaded(), added(11, message(1)));
    expect(after(state, added(11, message(1, { html: "again" })))).toBe(state);
  });

  it("that were loaded already are skipped", () => {
    const state = after(loaded(), added(10, message(1)));
    expect(state.messages).toEqual([]);
  });

  it("after a gap ask for a new subscription and are not taken", () => {
    const before = loaded();
    const state = after(before, added(12, message(2)));
    expect(state.messages).toEqual([]);
    expect(state.lastSeq).toBe(10);
    expect(state.subscription).toBe(before.subscription + 1);
  });

  it("tell of another path: what is shown stays until the session is loaded anew, and nothing is added to it", () => {
    const before = loaded({ messages: { ...session().messages, edges: [{ node: message(1) }, { node: message(2) }] } });
    const moved = after(before, { __typename: "PathChangedEvent", seq: 11, at: AT, session: null }, added(12, message(3)));
    expect(moved.live).toBe(false);
    expect(moved.reload).toBe(before.reload + 1);
    expect(messagesOf(moved)).toEqual([1, 2]);
    const edges = [{ node: message(1) }, { node: message(3) }];
    const state = reduce(moved, {
      type: "loaded",
      session: session({ lastEventSeq: 12, messages: { ...session().messages, edges } }),
    });
    expect(messagesOf(state)).toEqual([1, 3]);
    expect([state.live, state.lastSeq]).toEqual([true, 12]);
  });

  it("that come in the wrong order end up in the right one, by the replay", () => {
    const gapped = after(loaded(), added(12, message(2)));
    const state = after(gapped, added(11, message(1)), added(12, message(2)));
    expect(messagesOf(state)).toEqual([1, 2]);
    expect(state.live).toBe(true);
  });

  it("of an earlier subscription are dropped", () => {
    const gapped = after(loaded(), added(12, message(2)));
    const late = reduce(gapped, { type: "event", event: added(11, message(1)), subscription: gapped.subscription - 1 });
    expect(late).toBe(gapped);
  });

  it("that still miss something after subscribing again lead to loading anew", () => {
    const state = after(loaded(), added(12, message(2)), added(12, message(2)));
    expect(state.reload).toBe(1);
    expect(state.live).toBe(false);
    expect(after(state, added(11, message(1)))).toBe(state);
  });

  it("are replayed after a reconnect without doubling anything", () => {
    const once = after(loaded(), added(11, message(1)), turnUpdated(12, turn()), added(13, message(2)));
    const replayed = after(once, added(12, message(1)), added(13, message(2)), added(14, message(3)));
    expect(messagesOf(replayed)).toEqual([1, 2, 3]);
    expect(replayed.lastSeq).toBe(14);
  });

  it("of an unknown kind are skipped, and the log goes on", () => {
    const unknown = { __typename: "ReactionAddedEvent", seq: 11, at: AT } as unknown as SessionEvent;
    const state = after(loaded(), unknown, added(12, message(1)));
    expect(messagesOf(state)).toEqual([1]);
    expect(state.lastSeq).toBe(12);
  });

  it("whose object is gone are passed over", () => {
    const gone: SessionEvent = { __typename: "MessageAddedEvent", seq: 11, at: AT, message: null };
    expect(after(loaded(), gone).lastSeq).toBe(11);
  });

  it("change choices, step, progress and state", () => {
    const progress = { currentPhase: "VISUAL_DESIGN", completedSteps: ["initial_concept"], overallProgress: 8 } as const;
    const { id, title, shared, awaitingUserInput, updatedAt } = session();
    const state = after(
      loaded(),
      { __typename: "StepChangedEvent", seq: 11, at: AT, step: step("style"), progress: { ...progress, completedSteps: [] } },
      { __typename: "ChoicesOfferedEvent", seq: 12, at: AT, choices: [choice("a")] },
      {
        __typename: "SessionUpdatedEvent",
        seq: 13,
        at: AT,
        session: { id, title, shared, awaitingUserInput, updatedAt, state: "PAUSED" },
      },
    );
    expect(state.step?.slug).toBe("style");
    expect(state.progress?.overallProgress).toBe(8);
    expect(state.choices.map((c) => c.slug)).toEqual(["a"]);
    expect(state.session?.state).toBe("PAUSED");
  });

  it("bring a task once, whatever number of changes", () => {
    const task = { id: "task-1", taskType: "storyboard_panel", status: "QUEUED", progress: 0, results: [] as Attachment[] } as Task;
    const state = after(
      loaded(),
      { __typename: "TaskUpdatedEvent", seq: 11, at: AT, task },
      { __typename: "TaskUpdatedEvent", seq: null, at: AT, task: { ...task, status: "RUNNING", progress: 40 } },
    );
    expect(state.tasks.map((t) => t.progress)).toEqual([40]);
  });
});

describe("a reply that streams", () => {
  it("grows by deltas that continue it", () => {
    expect(after(loaded(), delta(0, "Once "), delta(5, "upon")).stream?.text).toBe("Once upon");
  });

  it("is replaced from an offset that is behind its end", () => {
    expect(after(loaded(), delta(0, "Once upon"), delta(5, "again")).stream?.text).toBe("Once again");
  });

  it("does not double when a delta repeats", () => {
    expect(after(loaded(), delta(0, "Once "), delta(5, "upon"), delta(5, "upon")).stream?.text).toBe("Once upon");
  });

  it("asks for a new subscription at an offset ahead of its end", () => {
    const before = after(loaded(), delta(0, "Once"));
    const state = after(before, delta(9, "time"));
    expect(state.stream?.text).toBe("Once");
    expect(state.subscription).toBe(before.subscription + 1);
  });

  it("goes on after a gap with the whole text so far", () => {
    const gapped = after(loaded(), delta(0, "Once"), delta(9, "time"));
    expect(after(gapped, delta(0, "Once upon a time"), delta(16, ".")).stream?.text).toBe("Once upon a time.");
  });

  it("asks for a new subscription when it is joined in the middle", () => {
    const before = loaded();
    const state = after(before, delta(20, "time"));
    expect(state.stream).toBeNull();
    expect(state.subscription).toBe(before.subscription + 1);
  });

  it("drops the words of a lower attempt", () => {
    const state = after(loaded(), delta(0, "Second", { attempt: 2 }), delta(0, "First", { attempt: 1 }));
    expect(state.stream).toEqual({ turnId: "turn-1", attempt: 2, text: "Second" });
  });

  it("starts again with a higher attempt", () => {
    const state = after(loaded(), delta(0, "First try"), delta(0, "New", { attempt: 2 }));
    expect(state.stream).toEqual({ turnId: "turn-1", attempt: 2, text: "New" });
  });

  it("counts offsets in UTF-16 code units", () => {
    const state = after(loaded(), delta(0, "🎬"), delta(2, "🎥 cut"), delta(4, "!"));
    expect(state.stream?.text).toBe("🎬🎥!");
  });

  it("shows what was said before the page was loaded", () => {
    const state = loaded({ activeTurn: turn({ text: "So far" }) });
    expect(after(state, delta(6, ", so good")).stream?.text).toBe("So far, so good");
  });

  it("keeps what it holds when the turn's stored text lags behind", () => {
    const state = after(loaded(), delta(0, "Longer than stored"), turnUpdated(11, turn({ text: "Longer" })));
    expect(state.stream?.text).toBe("Longer than stored");
  });

  it("gives way to the message", () => {
    const reply = message(2, { role: "ASSISTANT", turn: { id: "turn-1", status: "RUNNING", attempts: 1, error: null } });
    const state = after(loaded(), delta(0, "Once"), added(11, reply));
    expect(state.stream).toBeNull();
    expect(messagesOf(state)).toEqual([2]);
  });

  it("does not come back with a late delta", () => {
    const reply = message(2, { role: "ASSISTANT", turn: { id: "turn-1", status: "RUNNING", attempts: 1, error: null } });
    const state = after(loaded(), delta(0, "Once"), added(11, reply));
    expect(after(state, delta(4, " upon")).stream).toBeNull();
  });

  it("ends with a failed turn, and a retried one streams again", () => {
    const failed = after(loaded(), turnUpdated(11, turn()), delta(0, "Half"), turnUpdated(12, turn({ status: "FAILED" })));
    expect(failed.stream).toBeNull();
    expect(failed.turn?.status).toBe("FAILED");
    const retried = after(failed, turnUpdated(13, turn({ status: "QUEUED" })), delta(0, "Whole", { attempt: 2 }));
    expect(retried.stream?.text).toBe("Whole");
    expect(isOpen(retried.turn)).toBe(true);
  });
});

describe("a message that is sent", () => {
  const pending = { key: "key-1", text: "Hello", choiceTitle: null, attachments: [], createdAt: AT };
  const sent = reduce(loaded(), { type: "sendStarted", pending });

  it("gives way to the stored message with the same key", () => {
    const state = after(sent, added(11, message(1, { idempotencyKey: "key-1" })));
    expect(state.pending).toEqual([]);
    expect(messagesOf(state)).toEqual([1]);
  });

  it("stays while other messages arrive", () => {
    expect(after(sent, added(11, message(1, { idempotencyKey: "other" }))).pending).toHaveLength(1);
  });

  it("is shown once when the answer comes before or after the event", () => {
    const stored = message(1, { idempotencyKey: "key-1" });
    const answer = { type: "sendAcknowledged", key: "key-1", message: stored, turn: turn({ status: "QUEUED" }) } as const;
    expect(messagesOf(after(reduce(sent, answer), added(11, stored)))).toEqual([1]);
    expect(messagesOf(reduce(after(sent, added(11, stored)), answer))).toEqual([1]);
  });

  it("does not reopen a turn that ended before the answer came", () => {
    const ended = after(sent, turnUpdated(11, turn()), turnUpdated(12, turn({ status: "COMPLETED" })));
    const answer = { type: "sendAcknowledged", key: "key-1", message: null, turn: turn({ status: "QUEUED", attempts: 0 }) } as const;
    expect(reduce(ended, answer).turn?.status).toBe("COMPLETED");
  });

  it("disappears when it is refused", () => {
    expect(reduce(sent, { type: "sendRefused", key: "key-1" }).pending).toEqual([]);
  });
});

describe("loading", () => {
  const page = (messages: Message[], startCursor: string | null): LoadedSession["messages"] => ({
    edges: messages.map((node) => ({ node })),
    pageInfo: { hasNextPage: false, hasPreviousPage: startCursor !== null, startCursor, endCursor: null },
  });

  it("finds the failed turn of the last message, to be retried", () => {
    const failed = { id: "turn-9", status: "FAILED", attempts: 3, error: null } as const;
    const state = loaded({ messages: page([message(1, { turn: failed })], null) });
    expect(state.turn?.id).toBe("turn-9");
    expect(state.stream).toBeNull();
  });

  it("puts older messages before the others", () => {
    const state = loaded({ messages: page([message(3), message(4)], "cursor") });
    expect(state.olderCursor).toBe("cursor");
    const more = reduce(state, { type: "olderLoaded", messages: [message(1), message(2)], olderCursor: null });
    expect(messagesOf(more)).toEqual([1, 2, 3, 4]);
    expect(more.olderCursor).toBeNull();
  });

  it("keeps only the session's own tasks", () => {
    const own = { id: "t1", session: { id: "session-1" }, results: [] as Attachment[] } as Task;
    const other = { id: "t2", session: null, results: [] as Attachment[] } as Task;
    const base = session().project;
    const state = loaded({ project: { ...base, tasks: { edges: [{ node: other }, { node: own }] } } });
    expect(state.tasks.map((t) => t.id)).toEqual(["t1"]);
  });
});

describe("the timeline", () => {
  const at = (minute: number) => `2026-01-01T10:0${minute}:00Z`;
  const task = (id: string, minute: number) => ({ id, createdAt: at(minute) }) as Task;
  const messages = [message(1, { createdAt: at(1) }), message(2, { createdAt: at(3) })];
  const ids = (tasks: Task[], hasOlder = false) => timelineOf(messages, tasks, hasOlder).map((item) => item.id);

  it("shows a task where it was made", () => {
    expect(ids([task("a", 2), task("b", 4)])).toEqual(["message-1", "a", "message-2", "b"]);
  });

  it("leaves out tasks from among messages that are not loaded", () => {
    expect(ids([task("a", 0)], true)).toEqual(["message-1", "message-2"]);
    expect(ids([task("a", 0)], false)).toEqual(["a", "message-1", "message-2"]);
  });
});

describe("media that change", () => {
  const film = (updatedAt: string, changes: Partial<Attachment> = {}) =>
    ({ id: "film", status: "PROCESSING", thumbnailUrl: null, progress: 0, updatedAt, ...changes }) as Attachment;
  const processing = film("1");
  const active = film("2", { status: "ACTIVE", thumbnailUrl: "/poster", progress: null });
  const updated = (media: Attachment, seq: number | null = null): ProjectMediaEvent => ({
    __typename: "MediaUpdatedEvent",
    seq,
    media,
  });
  const told = (state: ChatState, ...events: ProjectMediaEvent[]) =>
    events.reduce((s, event) => reduce(s, { type: "projectEvent", event }), state);
  const shown = (state: ChatState) => state.messages.flatMap((m) => m.attachments);
  const withFilm = after(loaded(), added(11, message(1, { attachments: [processing] })), added(12, message(2)));

  it("are shown as they are by now, in messages, tasks and what is being sent", () => {
    const pending = { key: "k", text: "", choiceTitle: null, attachments: [processing], createdAt: AT };
    const task = { id: "t", results: [processing] } as unknown as Task;
    const both = after(withFilm, { __typename: "TaskUpdatedEvent", seq: 13, at: AT, task });
    const state = told(reduce(both, { type: "sendStarted", pending }), updated(active, 6));
    expect(shown(state)).toEqual([active]);
    expect(state.pending[0]?.attachments).toEqual([active]);
    expect(state.tasks[0]?.results).toEqual([active]);
  });

  it("tell of their progress without a place in the log", () => {
    const state = told(withFilm, updated(film("1", { progress: 40 })));
    expect(shown(state)[0]?.progress).toBe(40);
    expect(state.projectSeq).toBe(5);
    expect(told(state, updated(active, 6)).projectSeq).toBe(6);
  });

  it("leave the messages alone that do not show them", () => {
    expect(told(withFilm, updated(active, 6)).messages[1]).toBe(withFilm.messages[1]);
  });

  it("never go back to what an older answer says", () => {
    const state = told(withFilm, updated(active, 6), updated(processing, 6));
    expect(shown(state)).toEqual([active]);
    expect(state.media).toEqual({ film: active });
    expect(shown(reduce(state, { type: "mediaAnswered", media: processing }))).toEqual([active]);
  });

  it("are known before the message that shows them", () => {
    const early = told(loaded(), updated(active, 6));
    expect(shown(after(early, added(11, message(1, { attachments: [processing] }))))).toEqual([active]);
  });

  it("are taken from a message that knows more", () => {
    const early = told(loaded(), updated(processing, 6));
    expect(shown(after(early, added(11, message(1, { attachments: [active] }))))).toEqual([active]);
  });

  it("start anew when they are tried again", () => {
    const failed = told(withFilm, updated(film("2", { status: "FAILED" }), 6));
    const again = reduce(failed, { type: "mediaAnswered", media: film("3") });
    expect(shown(again)[0]?.status).toBe("PROCESSING");
  });

  it("that are gone are passed over, and the log goes on", () => {
    const state = told(withFilm, { __typename: "MediaUpdatedEvent", seq: 6, media: null });
    expect(shown(state)).toEqual([processing]);
    expect(state.projectSeq).toBe(6);
  });
});
