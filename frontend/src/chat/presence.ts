import { useEffect, useRef } from "react";
import type { Client } from "urql";

import { SetTypingDocument } from "../gql/graphql";
import { mutate } from "./api";
import type { Person } from "./types";

/** The server lets typing end after six seconds. */
const AGAIN_MS = 3_000;

/** Who else is here, in words; null where nobody is. */
export function presenceWords(people: readonly Person[], userId: string): string | null {
  const others = people.filter((person) => person.user.id !== userId);
  const typing = others.filter((person) => person.typing);
  const idle = others.filter((person) => !person.typing);
  const parts = [phrase(idle, "is here", "are here"), phrase(typing, "is typing…", "are typing…")].filter(Boolean);
  return parts.length > 0 ? parts.join(" · ") : null;
}

function phrase(people: readonly Person[], one: string, several: string): string {
  const names = people.map((person) => person.user.name);
  if (names.length === 0) return "";
  if (names.length === 1) return `${names[0]} ${one}`;
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)} ${several}`;
}

/** Lets the others see that one is typing: not more often than needed, and only where somebody is there to see it. */
export function useTyping(client: Client, sessionId: string, text: string, watched: boolean): void {
  const saidAt = useRef(0);
  const before = useRef(text);

  useEffect(() => {
    const changed = text !== before.current;
    before.current = text;
    if (!watched || !changed) return;
    const typing = text !== "";
    if (typing && Date.now() - saidAt.current < AGAIN_MS) return;
    if (!typing && saidAt.current === 0) return;
    saidAt.current = typing ? Date.now() : 0;
    // Whether it arrives or not is nothing to stop anybody with.
    mutate(client, SetTypingDocument, { input: { sessionId, typing } }, (data) => data.setTyping).catch(() => {});
  }, [client, sessionId, text, watched]);
}
