import { useCallback, useState } from "react";

import { readDraft, writeDraft } from "./draft";
import { characterCount } from "./format";
import type { Attachment, PageContext } from "./types";
import type { Uploads } from "./uploads";

/** What is being written: kept through reloads, and until the server has stored it. */
export interface Composer {
  text: string;
  markdown: boolean;
  setText: (text: string) => void;
  setMarkdown: (markdown: boolean) => void;
  uploads: Uploads;
  count: number;
  isEmpty: boolean;
  attachments: Attachment[];
  /** Why it cannot be sent as it is, or null. */
  obstacle: string | null;
  clear: (sent: { text: string; attachments: Attachment[] }) => void;
}

export function useComposer(context: PageContext, uploads: Uploads): Composer {
  const { userId, sessionId, maxMessageLength } = context;
  const [draft, setDraft] = useState(() => readDraft(userId, sessionId));

  const change = useCallback(
    (changes: (draft: { text: string; markdown: boolean }) => { text: string; markdown: boolean }) => {
      setDraft((before) => {
        const after = changes(before);
        writeDraft(userId, sessionId, after);
        return after;
      });
    },
    [userId, sessionId],
  );

  const setText = useCallback((text: string) => change((before) => ({ ...before, text })), [change]);
  const setMarkdown = useCallback((markdown: boolean) => change((before) => ({ ...before, markdown })), [change]);
  const clearUploads = uploads.clear;
  const clear = useCallback(
    (sent: { text: string; attachments: Attachment[] }) => {
      // What was typed while the message was under way stays.
      change((before) => ({ ...before, text: withoutSent(before.text, sent.text) }));
      clearUploads(sent.attachments.map((attachment) => attachment.id));
    },
    [change, clearUploads],
  );

  const count = characterCount(draft.text);
  return {
    ...draft,
    setText,
    setMarkdown,
    uploads,
    count,
    isEmpty: draft.text.trim() === "" && uploads.items.length === 0,
    attachments: uploads.items.flatMap((item) => item.media ?? []),
    obstacle: obstacleOf(count, maxMessageLength, uploads),
    clear,
  };
}

function withoutSent(text: string, sent: string): string {
  const start = text.trimStart();
  return start.startsWith(sent) ? start.slice(sent.length).trimStart() : text;
}

function obstacleOf(count: number, limit: number, uploads: Uploads): string | null {
  if (count > limit) {
    return `This is ${count - limit} characters too long. Shorten it to ${limit}, or send it in two messages.`;
  }
  if (uploads.items.some((item) => item.status === "failed")) {
    return "A file was not uploaded. Remove it or try it again, then send.";
  }
  if (uploads.items.some((item) => item.status !== "ready")) {
    return "Files are still being uploaded. Send when they are ready.";
  }
  return null;
}
