import type { Client as SocketClient } from "graphql-ws";
import { stringifyDocument } from "urql";

import {
  ProjectMediaEventsDocument,
  type ProjectMediaEventsSubscription,
  SessionEventsDocument,
  type SessionEventsSubscription,
} from "../gql/graphql";
import { persistedQuery } from "./documents";
import { ApiError } from "./errors";
import type { Connection, ProjectMediaEvent, SessionEvent } from "./types";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;
const FORBIDDEN_CLOSE_CODES: readonly number[] = [4401, 4403];

interface Follower {
  sessionId: string;
  /** The seq to go on after, asked anew at every connection. */
  after: () => number;
  onEvent: (event: SessionEvent) => void;
  onConnection: (connection: Connection) => void;
  /** The server said no: connecting again will not help. */
  onRefused: (error: ApiError) => void;
  /** A connection was lost or failed, for the n-th time in a row. */
  onLost: (failures: number) => void;
}

interface ErrorFrame {
  message: string;
  extensions?: { code?: unknown } | undefined;
}

/** Null where another try may go well. */
function refusalOf(frame: ErrorFrame): ApiError | null {
  const code = String(frame.extensions?.code ?? "INTERNAL");
  return code === "INTERNAL" || code === "RATE_LIMITED" ? null : new ApiError(code, frame.message);
}

/** Subscribes, and subscribes again after every loss, until the returned function is called. */
export function followSession(socket: SocketClient, follower: Follower): () => void {
  let stopped = false;
  let failures = 0;
  let timer: number | undefined;
  let disconnect = () => {};

  const connect = () => {
    window.clearTimeout(timer);
    disconnect();
    if (stopped || !navigator.onLine) return;
    let over = false;
    const end = (next: () => void) => {
      if (over || stopped) return;
      over = true;
      next();
    };
    const unsubscribe = socket.subscribe<SessionEventsSubscription>(
      {
        query: stringifyDocument(SessionEventsDocument),
        extensions: { persistedQuery: persistedQuery(SessionEventsDocument) },
        operationName: "SessionEvents",
        variables: { sessionId: follower.sessionId, after: follower.after() },
      },
      {
        next: ({ data, errors }) => {
          if (over || stopped) return;
          if (errors?.[0]) end(() => refuseOrRetry(errors[0] as ErrorFrame));
          else if (data) follower.onEvent(data.sessionEvents);
        },
        error: (reason) => end(() => takeError(reason)),
        complete: () => end(retry),
      },
    );
    disconnect = () => {
      over = true;
      unsubscribe();
    };
  };

  const takeError = (reason: unknown) => {
    if (Array.isArray(reason)) return refuseOrRetry(reason[0] as ErrorFrame);
    if (reason instanceof CloseEvent && FORBIDDEN_CLOSE_CODES.includes(reason.code)) {
      return follower.onRefused(new ApiError("UNAUTHENTICATED", "You are signed out. Sign in again to go on."));
    }
    retry();
  };

  const refuseOrRetry = (frame: ErrorFrame) => {
    const refusal = refusalOf(frame);
    if (refusal) follower.onRefused(refusal);
    else retry();
  };

  const retry = () => {
    disconnect();
    socket.terminate(); // a fresh connection, also where only the subscription had ended
    failures += 1;
    follower.onConnection(navigator.onLine ? "reconnecting" : "offline");
    follower.onLost(failures);
    const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
    timer = window.setTimeout(connect, delay * (0.75 + Math.random() / 2));
  };

  const goOffline = () => {
    follower.onConnection("offline");
    socket.terminate();
  };
  const goOnline = () => {
    follower.onConnection("reconnecting");
    connect();
  };

  const forgetConnected = socket.on("connected", () => {
    failures = 0;
    follower.onConnection("connected");
  });
  window.addEventListener("offline", goOffline);
  window.addEventListener("online", goOnline);
  if (!navigator.onLine) follower.onConnection("offline");
  connect();

  return () => {
    stopped = true;
    window.clearTimeout(timer);
    disconnect();
    forgetConnected();
    window.removeEventListener("offline", goOffline);
    window.removeEventListener("online", goOnline);
  };
}

interface MediaFollower {
  projectId: string;
  after: () => number;
  onEvent: (event: ProjectMediaEvent) => void;
  onRefused: (error: ApiError) => void;
}

/**
 * Follows a project's media on a connection that `followSession` keeps: call it where there is one, and stop it where
 * it is lost.
 */
export function followMedia(socket: SocketClient, follower: MediaFollower): () => void {
  let timer: number | undefined;
  let failures = 0;
  let stop = () => {};

  const subscribe = () => {
    let over = false; // ending a subscription completes it as well
    const end = (frame: ErrorFrame | null) => {
      if (over) return;
      stop();
      const refusal = frame && refusalOf(frame);
      if (refusal) return follower.onRefused(refusal);
      timer = window.setTimeout(subscribe, Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures));
      failures += 1;
    };
    const unsubscribe = socket.subscribe<ProjectMediaEventsSubscription>(
      {
        query: stringifyDocument(ProjectMediaEventsDocument),
        extensions: { persistedQuery: persistedQuery(ProjectMediaEventsDocument) },
        operationName: "ProjectMediaEvents",
        variables: { projectId: follower.projectId, after: follower.after() },
      },
      {
        next: ({ data, errors }) => {
          if (over) return;
          if (errors?.[0]) return end(errors[0] as ErrorFrame);
          failures = 0;
          if (data) follower.onEvent(data.projectEvents);
        },
        error: (reason) => end(Array.isArray(reason) ? (reason[0] as ErrorFrame) : null),
        complete: () => end(null),
      },
    );
    stop = () => {
      over = true;
      unsubscribe();
    };
  };

  subscribe();
  return () => {
    window.clearTimeout(timer);
    stop();
  };
}
