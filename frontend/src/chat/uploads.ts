import { useCallback, useEffect, useRef, useState } from "react";
import type { Client } from "urql";

import { CompleteUploadDocument, CreateUploadDocument, type CreateUploadMutation } from "../gql/graphql";
import { mutate } from "./api";
import { ApiError, problemOf } from "./errors";
import { newKey } from "./format";
import type { Attachment } from "./types";

export const MAX_ATTACHMENTS = 10;
export const ACCEPTED_FILES = "image/png,image/jpeg,image/webp,image/gif,.md,.txt,.pdf";

const MIME_TYPES: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  webp: "image/webp",
  gif: "image/gif",
  md: "text/markdown",
  txt: "text/plain",
  pdf: "application/pdf",
};

/** Errors that may be gone at the next try. */
const PASSING_CODES: readonly string[] = ["NETWORK", "INTERNAL", "RATE_LIMITED", "TIMED_OUT", "UNAUTHENTICATED"];

export interface Upload {
  key: string;
  file: File;
  previewUrl: string | null;
  status: "uploading" | "checking" | "ready" | "failed";
  /** 0 to 100 */
  progress: number;
  error: string | null;
  /** Of a failed one: whether trying again may help. */
  canRetry: boolean;
  media: Attachment | null;
}

type Ticket = NonNullable<CreateUploadMutation["createUpload"]["ticket"]>;

export interface Uploads {
  items: Upload[];
  add: (files: File[]) => void;
  remove: (key: string) => void;
  retry: (key: string) => void;
  /** Forgets the files whose media were sent. */
  clear: (mediaIds: string[]) => void;
  /** Why the last files were not taken. */
  refusal: string | null;
}

export function useUploads(client: Client, projectId: string): Uploads {
  const [items, setItems] = useState<Upload[]>([]);
  const [refusal, setRefusal] = useState<string | null>(null);
  const latest = useRef(items);
  latest.current = items;
  const requests = useRef(new Map<string, AbortController>());

  const change = useCallback((key: string, changes: Partial<Upload>) => {
    setItems((all) => all.map((item) => (item.key === key ? { ...item, ...changes } : item)));
  }, []);

  const start = useCallback(
    async ({ key, file }: Upload) => {
      const request = new AbortController();
      requests.current.set(key, request);
      change(key, { status: "uploading", progress: 0, error: null });
      try {
        const ticket = await createTicket(client, projectId, file);
        await sendBytes(ticket, file, request.signal, (progress) => change(key, { progress }));
        change(key, { status: "checking", progress: 100 });
        const media = await completeUpload(client, ticket.id);
        change(key, { status: "ready", media });
      } catch (error) {
        if (request.signal.aborted) return;
        const { code, message } = problemOf(error);
        change(key, { status: "failed", error: message, canRetry: PASSING_CODES.includes(code) });
      } finally {
        requests.current.delete(key);
      }
    },
    [change, client, projectId],
  );

  const add = useCallback(
    (files: File[]) => {
      const room = MAX_ATTACHMENTS - latest.current.length;
      setRefusal(
        files.length > room
          ? `A message takes at most ${MAX_ATTACHMENTS} files. Send these first, or remove some.`
          : null,
      );
      const added = files.slice(0, Math.max(0, room)).map(newUpload);
      latest.current = [...latest.current, ...added];
      setItems((all) => [...all, ...added]);
      for (const item of added) if (item.status !== "failed") void start(item);
    },
    [start],
  );

  const drop = useCallback((isDropped: (item: Upload) => boolean) => {
    for (const item of latest.current.filter(isDropped)) {
      requests.current.get(item.key)?.abort();
      if (item.previewUrl) URL.revokeObjectURL(item.previewUrl);
    }
    latest.current = latest.current.filter((item) => !isDropped(item));
    setItems((all) => all.filter((item) => !isDropped(item)));
    setRefusal(null);
  }, []);

  const remove = useCallback((key: string) => drop((item) => item.key === key), [drop]);
  const clear = useCallback(
    (mediaIds: string[]) => drop((item) => item.media !== null && mediaIds.includes(item.media.id)),
    [drop],
  );
  const retry = useCallback(
    (key: string) => {
      const item = latest.current.find((candidate) => candidate.key === key);
      if (item) void start(item);
    },
    [start],
  );

  useEffect(() => {
    const open = requests.current;
    return () => open.forEach((request) => request.abort());
  }, []);

  return { items, add, remove, retry, clear, refusal };
}

function newUpload(file: File): Upload {
  const error = refusalOf(file);
  return {
    key: newKey(),
    file,
    previewUrl: !error && mimeTypeOf(file).startsWith("image/") ? URL.createObjectURL(file) : null,
    status: error ? "failed" : "uploading",
    progress: 0,
    error,
    canRetry: false,
    media: null,
  };
}

function refusalOf(file: File): string | null {
  if (file.size === 0) return "This file is empty. Choose another one.";
  if (!mimeTypeOf(file)) {
    return "This kind of file cannot be used here. Use PNG, JPEG, WebP, GIF, Markdown, text or PDF.";
  }
  return null;
}

/** Browsers leave the type of some files (Markdown above all) empty, so the ending decides. */
function mimeTypeOf(file: File): string {
  const ending = file.name.split(".").pop()?.toLowerCase() ?? "";
  const known = Object.values(MIME_TYPES);
  return MIME_TYPES[ending] ?? (known.includes(file.type) ? file.type : "");
}

async function createTicket(client: Client, projectId: string, file: File): Promise<Ticket> {
  const input = { projectId, filename: file.name, fileSize: file.size, mimeType: mimeTypeOf(file) };
  const { ticket } = await mutate(client, CreateUploadDocument, { input }, (data) => data.createUpload);
  if (!ticket) throw new ApiError("INTERNAL", "The server gave no place to upload to. Try again.");
  return ticket;
}

async function completeUpload(client: Client, id: string): Promise<Attachment> {
  const payload = await mutate(client, CompleteUploadDocument, { input: { id } }, (data) => data.completeUpload);
  const media = payload.media;
  if (!media) throw new ApiError("INTERNAL", "The server did not keep the file. Try again.");
  if (media.status === "FAILED") {
    throw new ApiError("UNSUPPORTED_MEDIA", media.error?.message ?? "The file could not be read. Choose another one.");
  }
  return media;
}

/** XMLHttpRequest, because fetch does not tell how much was sent. */
function sendBytes(
  ticket: Ticket,
  file: File,
  signal: AbortSignal,
  onProgress: (percent: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const fail = (message: string) => reject(new ApiError("NETWORK", message));
    request.open(ticket.method, ticket.url);
    for (const header of ticket.headers) request.setRequestHeader(header.name, header.value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(Math.round((event.loaded / event.total) * 100));
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else fail(`The upload was refused (${request.status}). Try again, or choose another file.`);
    };
    request.onerror = () => fail("The upload was interrupted. Check your connection and try again.");
    request.onabort = () => fail("The upload was cancelled.");
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}
