import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import type { Client } from "urql";

import { CancelUploadDocument, CompleteUploadDocument, CreateUploadDocument } from "../gql/graphql";
import { mutate } from "./api";
import { ApiError } from "./errors";
import { mimeTypeOf } from "./formats";
import { type KnownMedia, newest } from "./media";
import { type Upload, UploadQueue } from "./queue";
import { sendBytes, type Ticket } from "./transfer";
import type { Attachment } from "./types";

export interface Uploads {
  items: Upload[];
  add: (files: readonly File[]) => void;
  refuse: (file: File, reason: string) => void;
  remove: (keys: readonly string[]) => void;
  retry: (keys: readonly string[]) => void;
  /** Forgets the files whose media were sent. */
  clear: (mediaIds: readonly string[]) => void;
}

/** The files of the message that is being written; their media are shown as `known` has them. */
export function useUploads(client: Client, projectId: string, known: KnownMedia): Uploads {
  const [queue] = useState(() => newQueue(client, projectId));
  const stored = useSyncExternalStore(queue.subscribe, queue.snapshot);
  const items = useMemo(
    () => stored.map((item) => (item.media ? { ...item, media: newest(known, item.media) } : item)),
    [stored, known],
  );

  useEffect(() => {
    window.addEventListener("online", queue.resume);
    return () => window.removeEventListener("online", queue.resume);
  }, [queue]);

  const isUnderWay = items.some((item) => ["waiting", "uploading", "checking"].includes(item.status));
  useEffect(() => {
    if (!isUnderWay) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [isUnderWay]);

  const { add, refuse, remove, retry, clear } = queue;
  return { items, add, refuse, remove, retry, clear };
}

function newQueue(client: Client, projectId: string): UploadQueue {
  return new UploadQueue({
    createTicket: (file) => createTicket(client, projectId, file),
    sendBytes,
    complete: (ticketId) => complete(client, ticketId),
    giveBack: (ticketId) => void giveBack(client, ticketId),
    pause: (milliseconds) => new Promise((resolve) => window.setTimeout(resolve, milliseconds)),
  });
}

async function createTicket(client: Client, projectId: string, file: File): Promise<Ticket> {
  const input = { projectId, filename: file.name, fileSize: file.size, mimeType: mimeTypeOf(file) };
  const { ticket } = await mutate(client, CreateUploadDocument, { input }, (data) => data.createUpload);
  if (!ticket) throw new ApiError("INTERNAL", "The server gave no place to upload to. Try again.");
  return ticket;
}

async function complete(client: Client, id: string): Promise<Attachment> {
  const { media } = await mutate(client, CompleteUploadDocument, { input: { id } }, (data) => data.completeUpload);
  if (!media) throw new ApiError("INTERNAL", "The server did not keep the file. Try again.");
  return media;
}

/** Nothing hangs on the answer: a ticket that is not given back expires. */
async function giveBack(client: Client, id: string): Promise<void> {
  await client.mutation(CancelUploadDocument, { input: { id } }).toPromise();
}
