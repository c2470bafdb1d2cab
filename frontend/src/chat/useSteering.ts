import { useCallback, useMemo, useRef } from "react";
import type { Client } from "urql";

import { EditMessageDocument, RegenerateDocument, SwitchBranchDocument } from "../gql/graphql";
import { mutate } from "./api";
import { problemOf } from "./errors";
import { newKey } from "./format";
import type { Turn } from "./types";

/** What one can do with what was said. What comes of it arrives as events. */
export interface Steering {
  /** Has a message answered once more; `messageId` is the message's or a reply's. */
  regenerate: (messageId: string) => void;
  /** Says something else in a message's place. Answers true once the server has stored it. */
  edit: (messageId: string, text: string) => Promise<boolean>;
  /** Opens the branch that a message is in. */
  open: (messageId: string) => void;
}

interface Outcome {
  onTurn: (turn: Turn | null) => void;
  onDone: () => void;
  onError: (error: unknown) => void;
}

export function useSteering(client: Client, { onTurn, onDone, onError }: Outcome): Steering {
  const last = useRef<{ content: string; key: string } | null>(null);

  /** The same wish after a failed request keeps its key, so that it is never fulfilled twice. */
  const keyed = useCallback(
    async (content: string, send: (key: string) => Promise<{ turn?: Turn | null }>): Promise<boolean> => {
      const key = last.current?.content === content ? last.current.key : newKey();
      last.current = { content, key };
      try {
        const { turn } = await send(key);
        last.current = null;
        onDone();
        onTurn(turn ?? null);
        return true;
      } catch (error) {
        if (problemOf(error).code !== "NETWORK") last.current = null;
        onError(error);
        return false;
      }
    },
    [onTurn, onDone, onError],
  );

  return useMemo(
    () => ({
      regenerate: (messageId) =>
        void keyed(`regenerate ${messageId}`, (idempotencyKey) =>
          mutate(client, RegenerateDocument, { input: { messageId, idempotencyKey } }, (data) => data.regenerate),
        ),
      edit: (messageId, text) =>
        keyed(`edit ${messageId} ${text}`, (idempotencyKey) =>
          mutate(client, EditMessageDocument, { input: { messageId, text, idempotencyKey } }, (data) => data.editMessage),
        ),
      open: (messageId) =>
        void mutate(client, SwitchBranchDocument, { input: { messageId } }, (data) => data.switchBranch)
          .then(onDone)
          .catch(onError),
    }),
    [client, keyed, onDone, onError],
  );
}
