import { createClient as createSocketClient, type Client as SocketClient } from "graphql-ws";
import { Client, fetchExchange, mapExchange, type CombinedError, type TypedDocumentNode } from "urql";

import { persistedQuery } from "./documents";
import { ApiError } from "./errors";
import type { PageContext, UserError } from "./types";

const ENDPOINT = "/graphql/";
const KEEP_ALIVE_MS = 12_000;
const PONG_TIMEOUT_MS = 8_000;

/** Sends a document's hash, and urql then leaves out its text. */
const hashExchange = mapExchange({
  onOperation: (operation) => ({ ...operation, extensions: { persistedQuery: persistedQuery(operation.query) } }),
});

export function createApiClient(context: PageContext): Client {
  return new Client({
    url: ENDPOINT,
    exchanges: context.trustedDocuments ? [hashExchange, fetchExchange] : [fetchExchange],
    requestPolicy: "network-only",
    preferGetMethod: false,
    fetchOptions: () => ({
      credentials: "same-origin",
      headers: { "X-CSRFToken": cookie("csrftoken") ?? context.csrfToken },
    }),
  });
}

/** Signing in in another tab renews the token; the cookie then knows more than the page. */
function cookie(name: string): string | null {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : null;
}

/** Answers with the data, or throws an ApiError. */
export async function query<Data, Variables extends Record<string, unknown>>(
  client: Client,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const result = await client.query(document, variables).toPromise();
  return dataOf(result);
}

/** Runs a mutation and answers with its payload; a refusal (`errors` in the payload) is thrown as an ApiError. */
export async function mutate<
  Data,
  Variables extends Record<string, unknown>,
  Payload extends { errors: UserError[] },
>(
  client: Client,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  payloadOf: (data: Data) => Payload,
): Promise<Payload> {
  const payload = payloadOf(dataOf(await client.mutation(document, variables).toPromise()));
  const refusal = payload.errors[0];
  if (refusal) throw ApiError.fromUserError(refusal);
  return payload;
}

function dataOf<Data>(result: { data?: Data | null | undefined; error?: CombinedError | undefined }): Data {
  if (result.error) throw apiErrorOf(result.error);
  if (!result.data) throw new ApiError("INTERNAL", "The server sent an empty answer. Try again.");
  return result.data;
}

function apiErrorOf(error: CombinedError): ApiError {
  const first = error.graphQLErrors[0];
  if (first) return new ApiError(String(first.extensions?.code ?? "INVALID"), first.message);
  const status = (error.response as Response | undefined)?.status;
  if (status === 401) return new ApiError("UNAUTHENTICATED", "You are signed out. Sign in again to go on.");
  if (status === 403) {
    return new ApiError("FORBIDDEN", "The server could not confirm your sign-in. Reload the page, then try again.");
  }
  if (status && status >= 500) {
    return new ApiError("INTERNAL", `The server failed (${status}). Wait a moment, then try again.`);
  }
  return new ApiError("NETWORK", "The server cannot be reached. What you typed is kept; try again when you are back online.");
}

/** One WebSocket for the page. Reconnecting is the subscriber's part: only it knows after which event to go on. */
export function createSocket(context: PageContext): SocketClient {
  const url = new URL(ENDPOINT, window.location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  let socket: WebSocket | undefined;
  let pongTimer: number | undefined;
  const client = createSocketClient({
    url: url.toString(),
    retryAttempts: 0,
    lazyCloseTimeout: 3_000, // subscribing again after a gap keeps the connection
    keepAlive: KEEP_ALIVE_MS,
    connectionAckWaitTimeout: 10_000,
    on: {
      opened: (opened) => {
        socket = opened as WebSocket;
      },
      ping: (received) => {
        if (received) return;
        pongTimer = window.setTimeout(() => socket?.close(4408, "No answer"), PONG_TIMEOUT_MS);
      },
      pong: (received) => {
        if (received) window.clearTimeout(pongTimer);
      },
      closed: () => window.clearTimeout(pongTimer),
    },
  });
  if (!context.trustedDocuments) return client;
  return { ...client, subscribe: (payload, sink) => client.subscribe({ ...payload, query: "" }, sink) };
}
