/**
 * What the chat page knows, as a pure function of what it loaded and of the events that came after.
 *
 * The server's log is the truth: stored events carry seq 1, 2, 3 …; each is taken once and in order. What a
 * mutation answers is only ever a hint that arrives earlier or later than the event which says the same.
 */
import { isNews, type KnownMedia, taskWithNewest, withNewest } from "./media";
import type {
  Attachment,
  Choice,
  LoadedSession,
  Message,
  PendingMessage,
  Person,
  Progress,
  ProjectMediaEvent,
  SessionEvent,
  SessionState,
  Step,
  Stream,
  Task,
  Turn,
} from "./types";

export interface ChatState {
  /** seq of the last stored event taken in: where to subscribe again. */
  lastSeq: number;
  session: SessionState | null;
  project: { id: string; title: string; archivedAt: string | null } | null;
  step: Step | null;
  progress: Progress | null;
  choices: Choice[];
  messages: Message[];
  olderCursor: string | null;
  pending: PendingMessage[];
  turn: Turn | null;
  stream: Stream | null;
  /** Attempts at which a turn had ended, by turn id: later words of that attempt are dropped. */
  ended: Readonly<Record<string, number>>;
  tasks: Task[];
  /** Who has the session open, oneself included. */
  people: readonly Person[];
  /** False until the session is loaded, and again while it has to be loaded anew. */
  live: boolean;
  /** Rises where subscribing again did not close a gap, or another path is active: the page loads the session anew. */
  reload: number;
  /** The number of the present subscription. It rises with every gap: the page subscribes again after `lastSeq`. */
  subscription: number;
  /** lastSeq at the last gap that is not closed yet. */
  gapAfter: number | null;
  /** seq of the last event of the project's log: where to follow its media from. */
  projectSeq: number;
  /** Media that changed since the page was loaded, by id. */
  media: KnownMedia;
}

export const emptyState: ChatState = {
  lastSeq: 0,
  session: null,
  project: null,
  step: null,
  progress: null,
  choices: [],
  messages: [],
  olderCursor: null,
  pending: [],
  turn: null,
  stream: null,
  ended: {},
  tasks: [],
  people: [],
  live: false,
  reload: 0,
  subscription: 0,
  gapAfter: null,
  projectSeq: 0,
  media: {},
};

export type ChatAction =
  | { type: "loaded"; session: LoadedSession }
  | { type: "event"; event: SessionEvent; subscription: number }
  | { type: "olderLoaded"; messages: Message[]; olderCursor: string | null }
  | { type: "sendStarted"; pending: PendingMessage }
  | { type: "sendRefused"; key: string }
  | { type: "sendAcknowledged"; key: string; message: Message | null; turn: Turn | null }
  | { type: "turnAnswered"; turn: Turn }
  | { type: "sessionAnswered"; session: SessionState }
  | { type: "projectEvent"; event: ProjectMediaEvent }
  | { type: "mediaAnswered"; media: Attachment };

const OPEN_STATUSES: readonly string[] = ["QUEUED", "RUNNING"];

export function isOpen(turn: Turn | null): boolean {
  return turn !== null && OPEN_STATUSES.includes(turn.status);
}

export function reduce(state: ChatState, action: ChatAction): ChatState {
  return holdingNewest(state, take(state, action));
}

function take(state: ChatState, action: ChatAction): ChatState {
  switch (action.type) {
    case "loaded":
      return load(state, action.session);
    case "event":
      // What an earlier subscription still delivers is replayed by the present one.
      return state.live && action.subscription === state.subscription ? takeEvent(state, action.event) : state;
    case "olderLoaded":
      return {
        ...state,
        messages: mergeMessages(state.messages, action.messages),
        olderCursor: action.olderCursor,
      };
    case "sendStarted":
      return {
        ...state,
        pending: [...state.pending.filter((p) => p.key !== action.pending.key), action.pending],
      };
    case "sendRefused":
      return { ...state, pending: state.pending.filter((p) => p.key !== action.key) };
    case "sendAcknowledged": {
      const cleared = { ...state, pending: state.pending.filter((p) => p.key !== action.key) };
      const withMessage = action.message ? addMessage(cleared, action.message) : cleared;
      return action.turn ? takeAnsweredTurn(withMessage, action.turn) : withMessage;
    }
    case "turnAnswered":
      return takeAnsweredTurn(state, action.turn);
    case "sessionAnswered":
      return { ...state, session: action.session };
    case "projectEvent":
      return takeProjectEvent(state, action.event);
    case "mediaAnswered":
      return takeMedia(state, action.media);
  }
}

/** Whatever brought messages and tasks: their files are shown as they are by now. */
function holdingNewest(before: ChatState, state: ChatState): ChatState {
  const { media, messages, pending, tasks } = state;
  if (media === before.media && messages === before.messages && pending === before.pending && tasks === before.tasks) {
    return state;
  }
  return {
    ...state,
    messages: messages.map((message) => withNewest(media, message)),
    pending: pending.map((message) => withNewest(media, message)),
    tasks: tasks.map((task) => taskWithNewest(media, task)),
  };
}

function takeProjectEvent(state: ChatState, event: ProjectMediaEvent): ChatState {
  const projectSeq = Math.max(state.projectSeq, event.seq ?? 0);
  const media = event.__typename === "MediaUpdatedEvent" ? event.media : null;
  return takeMedia(projectSeq === state.projectSeq ? state : { ...state, projectSeq }, media);
}

function takeMedia(state: ChatState, media: Attachment | null): ChatState {
  if (!media || !isNews(state.media, media)) return state;
  return { ...state, media: { ...state.media, [media.id]: media } };
}

/**
 * Messages by seq, and each task after the messages that were there when it was made. Where older messages are not
 * loaded, neither are the tasks that belong among them shown.
 */
export function timelineOf(messages: Message[], tasks: Task[], hasOlder: boolean): (Message | Task)[] {
  const timeline: (Message | Task)[] = [...messages];
  for (const task of tasks) {
    const madeAt = Date.parse(task.createdAt);
    const before = timeline.findLastIndex((item) => Date.parse(item.createdAt) <= madeAt);
    if (before >= 0 || !hasOlder) timeline.splice(before + 1, 0, task);
  }
  return timeline;
}

function load(state: ChatState, session: LoadedSession): ChatState {
  const messages = session.messages.edges.map((edge) => edge.node);
  const turn = session.activeTurn ?? lastTurnOf(messages);
  const fresh: ChatState = {
    ...state,
    live: true,
    subscription: state.subscription + 1,
    lastSeq: session.lastEventSeq,
    session,
    project: session.project,
    step: session.currentStep,
    progress: session.project.progress,
    choices: session.choices,
    messages,
    olderCursor: session.messages.pageInfo.hasPreviousPage ? session.messages.pageInfo.startCursor : null,
    turn,
    stream: session.activeTurn ? streamOf(session.activeTurn) : null,
    ended: turn && !isOpen(turn) ? { ...state.ended, [turn.id]: turn.attempts } : state.ended,
    tasks: session.project.tasks.edges
      .map((edge) => edge.node)
      .filter((task) => task.session?.id === session.id)
      .reverse(),
    gapAfter: null,
    projectSeq: session.project.lastEventSeq,
  };
  return { ...fresh, pending: state.pending.filter((p) => !holdsKey(messages, p.key)) };
}

/** The turn of the newest message that has one, so that a failed turn can be retried after a reload. */
function lastTurnOf(messages: Message[]): Turn | null {
  const last = messages.findLast((message) => message.turn !== null);
  if (!last?.turn) return null;
  return {
    __typename: "Turn",
    text: "",
    model: null,
    createdAt: last.createdAt,
    startedAt: null,
    finishedAt: null,
    ...last.turn,
  };
}

function streamOf(turn: Turn): Stream {
  return { turnId: turn.id, attempt: turn.attempts, text: turn.text };
}

function takeEvent(state: ChatState, event: SessionEvent): ChatState {
  if (event.seq === null) return applyEvent(state, event);
  if (event.seq <= state.lastSeq) return state;
  if (event.seq > state.lastSeq + 1) return gap(state);
  return applyEvent({ ...state, lastSeq: event.seq, gapAfter: null }, event);
}

/** Something is missing. Subscribing again replays it; where that did not help, only loading anew does. */
function gap(state: ChatState): ChatState {
  if (state.gapAfter === state.lastSeq) return reloading({ ...state, gapAfter: null });
  return { ...state, gapAfter: state.lastSeq, subscription: state.subscription + 1 };
}

/** What is shown is out of date as a whole. It stays until the session is loaded anew. */
function reloading(state: ChatState): ChatState {
  return { ...state, live: false, reload: state.reload + 1 };
}

function applyEvent(state: ChatState, event: SessionEvent): ChatState {
  switch (event.__typename) {
    case "MessageAddedEvent":
      return event.message ? addMessage(state, event.message) : state;
    case "TurnUpdatedEvent":
      return event.turn ? setTurn(state, event.turn) : state;
    case "TurnDeltaEvent":
      return takeDelta(state, event);
    case "ChoicesOfferedEvent":
      return { ...state, choices: event.choices };
    case "StepChangedEvent":
      return { ...state, step: event.step, progress: event.progress };
    case "SessionUpdatedEvent":
      return event.session ? { ...state, session: event.session } : state;
    case "PathChangedEvent":
      return reloading(state);
    case "TaskUpdatedEvent":
      return event.task ? { ...state, tasks: upsertTask(state.tasks, event.task) } : state;
    case "PresenceEvent":
      return { ...state, people: event.people };
    default:
      return state; // a kind that a newer server knows
  }
}

function addMessage(state: ChatState, message: Message): ChatState {
  const answersStream = message.role === "ASSISTANT" && message.turn?.id === state.stream?.turnId;
  return {
    ...state,
    messages: mergeMessages(state.messages, [message]),
    pending: state.pending.filter((p) => p.key !== message.idempotencyKey),
    stream: answersStream ? null : state.stream,
    ended:
      message.role === "ASSISTANT" && message.turn
        ? { ...state.ended, [message.turn.id]: message.turn.attempts }
        : state.ended,
  };
}

function setTurn(state: ChatState, turn: Turn): ChatState {
  if (!isOpen(turn)) {
    return {
      ...state,
      turn,
      stream: state.stream?.turnId === turn.id ? null : state.stream,
      ended: { ...state.ended, [turn.id]: turn.attempts },
    };
  }
  const { [turn.id]: _reopened, ...ended } = state.ended;
  const grown = state.stream?.turnId === turn.id && state.stream.attempt >= turn.attempts;
  return { ...state, turn, ended, stream: grown ? state.stream : streamOf(turn) };
}

/** A mutation's answer may be older than the events already seen: it never reopens what they closed. */
function takeAnsweredTurn(state: ChatState, turn: Turn): ChatState {
  const endedAt = state.ended[turn.id];
  if (isOpen(turn) && endedAt !== undefined && turn.attempts <= endedAt) return state;
  if (isOpen(turn) && state.turn?.id === turn.id && isOpen(state.turn)) return state;
  return setTurn(state, turn);
}

interface Delta {
  turnId: string;
  attempt: number;
  offset: number;
  text: string;
}

function takeDelta(state: ChatState, delta: Delta): ChatState {
  const endedAt = state.ended[delta.turnId];
  if (endedAt !== undefined && delta.attempt <= endedAt) return state;
  const shown = state.stream?.turnId === delta.turnId ? state.stream : null;
  if (shown && delta.attempt < shown.attempt) return state;
  const soFar = shown && delta.attempt === shown.attempt ? shown.text : "";
  if (delta.offset > soFar.length) return gap(state);
  const text = soFar.slice(0, delta.offset) + delta.text;
  return { ...state, stream: { turnId: delta.turnId, attempt: delta.attempt, text } };
}

function mergeMessages(known: Message[], arrived: Message[]): Message[] {
  const byId = new Map(known.map((message) => [message.id, message]));
  for (const message of arrived) byId.set(message.id, message);
  return [...byId.values()].sort((a, b) => a.seq - b.seq);
}

function upsertTask(tasks: Task[], task: Task): Task[] {
  const known = tasks.some((t) => t.id === task.id);
  return known ? tasks.map((t) => (t.id === task.id ? task : t)) : [...tasks, task];
}

function holdsKey(messages: Message[], key: string): boolean {
  return messages.some((message) => message.idempotencyKey === key);
}
