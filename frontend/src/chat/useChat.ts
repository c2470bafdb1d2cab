import type { Client as SocketClient } from "graphql-ws";
import { useCallback, useEffect, useReducer, useRef, useState } from "react";
import type { Client } from "urql";

import {
  CancelTurnDocument,
  ChatSessionDocument,
  MeDocument,
  ResumeSessionDocument,
  RetryMediaDocument,
  RetryTurnDocument,
  SelectChoiceDocument,
  SendMessageDocument,
  SessionMessagesDocument,
} from "../gql/graphql";
import { mutate, query } from "./api";
import { ApiError, problemOf } from "./errors";
import { followMedia, followSession } from "./events";
import { newKey } from "./format";
import { type ChatState, emptyState, reduce } from "./reducer";
import type { Attachment, Choice, Connection, Problem, Turn } from "./types";
import { type Steering, useSteering } from "./useSteering";

const OLDER_MESSAGES = 50;
const SUSPICIOUS_FAILURES = 2;
/** Errors after which what the page shows is out of date. */
const STALE_CODES: readonly string[] = ["STALE_CHOICE", "TURN_IN_PROGRESS", "SESSION_NOT_ACTIVE", "CONFLICT"];

/** What a person sends: words, files, and perhaps the choice they belong to. */
export interface Outgoing {
  text: string;
  attachments: Attachment[];
  choice: Choice | null;
}

export interface Chat {
  state: ChatState;
  connection: Connection;
  /** What went wrong last, until the next success or dismissal. */
  problem: Problem | null;
  dismissProblem: () => void;
  report: (problem: Problem) => void;
  signedOut: boolean;
  /** The session is not (or no longer) there for this person. */
  gone: boolean;
  /** Answers true once the server has stored the message. */
  send: (outgoing: Outgoing) => Promise<boolean>;
  stop: () => void;
  retry: () => void;
  resume: () => void;
  steering: Steering;
  /** Has a media item that failed prepared again. */
  retryMedia: (mediaId: string) => void;
  loadOlder: () => Promise<void>;
}

export function useChat(client: Client, socket: SocketClient, sessionId: string): Chat {
  const [state, dispatch] = useReducer(reduce, emptyState);
  const [connection, setConnection] = useState<Connection>("connecting");
  const [problem, setProblem] = useState<Problem | null>(null);
  const [signedOut, setSignedOut] = useState(false);
  const [gone, setGone] = useState(false);
  const latest = useRef(state);
  latest.current = state;
  const lastSend = useRef<{ content: string; key: string } | null>(null);

  const fail = useCallback((error: unknown) => {
    const found = problemOf(error);
    if (found.code === "UNAUTHENTICATED") setSignedOut(true);
    setProblem(found);
  }, []);

  const load = useCallback(async () => {
    try {
      const { session } = await query(client, ChatSessionDocument, { id: sessionId });
      if (session) dispatch({ type: "loaded", session });
      else setGone(true);
    } catch (error) {
      fail(error);
    }
  }, [client, fail, sessionId]);

  useEffect(() => {
    void load();
  }, [load, state.reload]);

  const onLost = useCallback(
    async (failures: number) => {
      if (failures !== SUSPICIOUS_FAILURES) return;
      // A browser does not tell why a socket was refused: being signed out is the likeliest reason.
      const { data } = await client.query(MeDocument, {}).toPromise();
      if (data && data.me === null) setSignedOut(true);
    },
    [client],
  );

  const onRefused = useCallback(
    (error: ApiError) => {
      if (error.code === "NOT_FOUND") setGone(true);
      else if (error.code === "UNAUTHENTICATED") setSignedOut(true);
      else if (error.code === "INVALID") void load(); // `after` is ahead of the log: what we know is wrong
      else setProblem(problemOf(error));
    },
    [load],
  );

  const { live, subscription } = state;
  useEffect(() => {
    if (!live || gone || signedOut) return;
    return followSession(socket, {
      sessionId,
      after: () => latest.current.lastSeq,
      onEvent: (event) => dispatch({ type: "event", event, subscription }),
      onConnection: setConnection,
      onRefused,
      onLost: (failures) => void onLost(failures),
    });
  }, [socket, sessionId, live, subscription, gone, signedOut, onRefused, onLost]);

  const projectId = state.project?.id;
  const connected = connection === "connected";
  useEffect(() => {
    if (!live || gone || !connected || projectId === undefined) return;
    return followMedia(socket, {
      projectId,
      after: () => latest.current.projectSeq,
      onEvent: (event) => dispatch({ type: "projectEvent", event }),
      // Whoever may not follow the project any more is told so by the conversation.
      onRefused: (error) => error.code === "INVALID" && void load(),
    });
  }, [socket, projectId, live, gone, connected, load]);

  // The first load may fail as well; once the browser is back online it is worth another try.
  useEffect(() => {
    if (live) return;
    const again = () => void load();
    window.addEventListener("online", again);
    return () => window.removeEventListener("online", again);
  }, [live, load]);

  const failOrReload = useCallback(
    (error: unknown) => {
      fail(error);
      if (STALE_CODES.includes(problemOf(error).code)) void load();
    },
    [fail, load],
  );

  const send = useCallback(
    async ({ text, attachments, choice }: Outgoing): Promise<boolean> => {
      const attachmentIds = attachments.map((attachment) => attachment.id);
      const content = JSON.stringify([text, attachmentIds, choice?.id]);
      // The same words after a failed request keep their key, so that they are never stored twice.
      const key = lastSend.current?.content === content ? lastSend.current.key : newKey();
      lastSend.current = { content, key };
      const choiceTitle = choice && !choice.isManualOverride ? choice.title : null;
      const createdAt = new Date().toISOString();
      dispatch({ type: "sendStarted", pending: { key, text, choiceTitle, attachments, createdAt } });
      try {
        const input = { sessionId, attachmentIds, idempotencyKey: key };
        const payload = choice
          ? await mutate(
              client,
              SelectChoiceDocument,
              { input: { ...input, choiceId: choice.id, ...(text ? { text } : {}) } },
              (data) => data.selectChoice,
            )
          : await mutate(client, SendMessageDocument, { input: { ...input, text } }, (data) => data.sendMessage);
        lastSend.current = null;
        setProblem(null);
        dispatch({ type: "sendAcknowledged", key, message: payload.message, turn: payload.turn });
        return true;
      } catch (error) {
        dispatch({ type: "sendRefused", key });
        if (problemOf(error).code !== "NETWORK") lastSend.current = null;
        failOrReload(error);
        return false;
      }
    },
    [client, failOrReload, sessionId],
  );

  const stop = useCallback(() => {
    const turn = latest.current.turn;
    if (!turn) return;
    mutate(client, CancelTurnDocument, { input: { id: turn.id } }, (data) => data.cancelTurn)
      .then((payload) => payload.turn && dispatch({ type: "turnAnswered", turn: payload.turn }))
      .catch(fail);
  }, [client, fail]);

  const retry = useCallback(() => {
    const turn = latest.current.turn;
    if (!turn) return;
    setProblem(null);
    mutate(client, RetryTurnDocument, { input: { id: turn.id } }, (data) => data.retryTurn)
      .then((payload) => payload.turn && dispatch({ type: "turnAnswered", turn: payload.turn }))
      .catch(fail);
  }, [client, fail]);

  const dismissProblem = useCallback(() => setProblem(null), []);
  const takeTurn = useCallback((turn: Turn | null) => turn && dispatch({ type: "turnAnswered", turn }), []);
  const steering = useSteering(client, { onTurn: takeTurn, onDone: dismissProblem, onError: failOrReload });

  const resume = useCallback(() => {
    mutate(client, ResumeSessionDocument, { input: { id: sessionId } }, (data) => data.resumeSession)
      .then((payload) => {
        setProblem(null);
        if (payload.session) dispatch({ type: "sessionAnswered", session: payload.session });
      })
      .catch(fail);
  }, [client, fail, sessionId]);

  const retryMedia = useCallback(
    (mediaId: string) => {
      mutate(client, RetryMediaDocument, { input: { id: mediaId } }, (data) => data.retryMedia)
        .then((payload) => {
          setProblem(null);
          if (payload.media) dispatch({ type: "mediaAnswered", media: payload.media });
        })
        .catch(fail);
    },
    [client, fail],
  );

  const loadOlder = useCallback(async () => {
    const before = latest.current.olderCursor;
    if (!before) return;
    try {
      const variables = { id: sessionId, last: OLDER_MESSAGES, before };
      const { session } = await query(client, SessionMessagesDocument, variables);
      if (!session) return setGone(true);
      const { edges, pageInfo } = session.messages;
      dispatch({
        type: "olderLoaded",
        messages: edges.map((edge) => edge.node),
        olderCursor: pageInfo.hasPreviousPage ? pageInfo.startCursor : null,
      });
    } catch (error) {
      fail(error);
    }
  }, [client, fail, sessionId]);

  return {
    state,
    connection,
    problem,
    dismissProblem,
    report: setProblem,
    signedOut,
    gone,
    send,
    stop,
    retry,
    resume,
    steering,
    retryMedia,
    loadOlder,
  };
}
