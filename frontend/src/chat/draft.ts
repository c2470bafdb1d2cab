export interface Draft {
  text: string;
  markdown: boolean;
}

const EMPTY: Draft = { text: "", markdown: false };

function keyOf(userId: string, sessionId: string): string {
  return `auto-movie:draft:${userId}:${sessionId}`;
}

export function readDraft(userId: string, sessionId: string): Draft {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(keyOf(userId, sessionId)) ?? "null");
    if (typeof stored !== "object" || stored === null) return EMPTY;
    const { text, markdown } = stored as Partial<Draft>;
    return { text: typeof text === "string" ? text : "", markdown: markdown === true };
  } catch {
    return EMPTY; // storage is blocked or holds something else: a draft is a convenience
  }
}

export function writeDraft(userId: string, sessionId: string, draft: Draft): void {
  try {
    if (draft.text || draft.markdown) localStorage.setItem(keyOf(userId, sessionId), JSON.stringify(draft));
    else localStorage.removeItem(keyOf(userId, sessionId));
  } catch {
    // storage is blocked or full: the draft lives in the page alone
  }
}
