import type {
  AttachmentFieldsFragment,
  ChatSessionQuery,
  ChoiceFieldsFragment,
  MessageFieldsFragment,
  ProgressFieldsFragment,
  ProjectMediaEventsSubscription,
  SessionEventsSubscription,
  SessionStateFieldsFragment,
  StepFieldsFragment,
  TaskFieldsFragment,
  TurnFieldsFragment,
  UserErrorFieldsFragment,
} from "../gql/graphql";

export type Attachment = AttachmentFieldsFragment;
export type Choice = ChoiceFieldsFragment;
export type Message = MessageFieldsFragment;
export type Progress = ProgressFieldsFragment;
export type Step = StepFieldsFragment;
export type Task = TaskFieldsFragment;
export type Turn = TurnFieldsFragment;
export type UserError = UserErrorFieldsFragment;
export type SessionState = SessionStateFieldsFragment;
export type LoadedSession = NonNullable<ChatSessionQuery["session"]>;
export type ProjectMediaEvent = ProjectMediaEventsSubscription["projectEvents"];
export type SessionEvent = SessionEventsSubscription["sessionEvents"];
export type Person = Extract<SessionEvent, { __typename: "PresenceEvent" }>["people"][number];

/** What the page was told by the template that holds it. */
export interface PageContext {
  sessionId: string;
  projectId: string;
  userId: string;
  csrfToken: string;
  maxMessageLength: number;
  loginUrl: string;
  projectsUrl: string;
  /** The server runs documents that it knows by their hash, and no others. */
  trustedDocuments: boolean;
}

/** A message on its way to the server. */
export interface PendingMessage {
  key: string;
  text: string;
  choiceTitle: string | null;
  attachments: Attachment[];
  createdAt: string;
}

/** The reply that is growing. `text.length` counts UTF-16 code units, as the deltas' offsets do. */
export interface Stream {
  turnId: string;
  attempt: number;
  text: string;
}

export type Connection = "connecting" | "connected" | "reconnecting" | "offline";

/** Something went wrong: what to tell the person, and which way out to offer. */
export interface Problem {
  code: string;
  message: string;
}
