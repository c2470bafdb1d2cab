import { useCallback, useMemo, useState } from "react";

import { readDraft, writeDraft } from "./draft";
import { characterCount } from "./format";
import { obstacleOf, sortTray, type Tray } from "./tray";
import type { Attachment, PageContext } from "./types";
import type { Uploads } from "./uploads";

/** What is being written: kept through reloads, and until the server has stored it. */
export interface Composer {
  text: string;
  markdown: boolean;
  setText: (text: string) => void;
  setMarkdown: (markdown: boolean) => void;
  uploads: Uploads;
  tray: Tray;
  count: number;
  isEmpty: boolean;
  /** Why the words cannot be sent, or null. */
  tooLong: string | null;
  /** Why it would go without some of its files, or null. */
  incomplete: string | null;
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
  const tray = useMemo(() => sortTray(uploads.items), [uploads.items]);
  return {
    ...draft,
    setText,
    setMarkdown,
    uploads,
    tray,
    count,
    isEmpty: draft.text.trim() === "" && uploads.items.length === 0,
    tooLong: tooLong(count, maxMessageLength),
    incomplete: obstacleOf(tray),
    clear,
  };
}

function withoutSent(text: string, sent: string): string {
  const start = text.trimStart();
  return start.startsWith(sent) ? start.slice(sent.length).trimStart() : text;
}

function tooLong(count: number, limit: number): string | null {
  if (count <= limit) return null;
  return `This is ${count - limit} characters too long. Shorten it to ${limit}, or send it in two messages.`;
}
