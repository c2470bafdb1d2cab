import type { CreateUploadMutation } from "../gql/graphql";
import { ApiError } from "./errors";

export type Ticket = NonNullable<CreateUploadMutation["createUpload"]["ticket"]>;

/** Milliseconds without a byte passing after which a connection counts as lost. */
const STALL_MS = 60_000;

/** Sends a file to its ticket's address. XMLHttpRequest, because fetch does not tell how much was sent. */
export function sendBytes(
  ticket: Ticket,
  file: File,
  signal: AbortSignal,
  onSent: (bytes: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let timer: number | undefined;
    const interrupted = () =>
      reject(new ApiError("NETWORK", "The upload was interrupted. Check your connection, then try again."));
    const watch = () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(() => request.abort(), STALL_MS);
    };
    const cancel = () => request.abort();
    request.open(ticket.method, ticket.url);
    for (const header of ticket.headers) request.setRequestHeader(header.name, header.value);
    request.upload.onprogress = (event) => {
      watch();
      onSent(Math.min(event.loaded, file.size));
    };
    request.upload.onload = watch; // a store may take its time to answer
    request.onload = () => {
      const refusal = refusalOf(request.status, request.responseText);
      if (refusal) reject(refusal);
      else resolve();
    };
    request.onerror = interrupted;
    request.onabort = interrupted;
    request.onloadend = () => {
      window.clearTimeout(timer);
      signal.removeEventListener("abort", cancel);
    };
    signal.addEventListener("abort", cancel);
    watch();
    request.send(file);
  });
}

/**
 * What an answer to the PUT means; null where the bytes were taken. Our own server answers JSON in words for people,
 * a bucket answers XML or nothing.
 */
export function refusalOf(status: number, body: string): ApiError | null {
  if (status >= 200 && status < 300) return null;
  if (status === 401 || status === 403 || body.includes("ExpiredRequest")) {
    return new ApiError("FORBIDDEN", "The time for this upload has run out. Try again: it gets a new one.");
  }
  const own = ownRefusal(body);
  if (own) return own;
  if (status === 413) return new ApiError("LIMIT_EXCEEDED", "The store says that this file is too large.");
  if (status === 408 || status === 429 || status >= 500) {
    return new ApiError("NETWORK", `The store is busy or unavailable (${status}). Wait a moment, then try again.`);
  }
  return new ApiError("INVALID", `The store did not take this file (${status}). Try again.`);
}

function ownRefusal(body: string): ApiError | null {
  try {
    const { code, message } = JSON.parse(body) as { code?: unknown; message?: unknown };
    return typeof code === "string" && typeof message === "string" ? new ApiError(code, message) : null;
  } catch {
    return null;
  }
}
