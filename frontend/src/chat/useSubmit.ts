import { useEffect, useRef, useState } from "react";

import { isOpen } from "./reducer";
import type { Choice, Problem } from "./types";
import type { Chat } from "./useChat";
import type { Composer } from "./useComposer";

export interface Submit {
  sending: boolean;
  /** Sends what is written, as an answer to a choice or on its own; or says why not. */
  submit: (choice: Choice | null) => Promise<void>;
  /** Why the last try came to nothing. */
  problem: Problem | null;
  /** Sends without the files that are missing, where that leaves something to send. */
  sendRest: (() => void) | null;
  dismiss: () => void;
}

export function useSubmit(chat: Chat, composer: Composer, onSent: () => void): Submit {
  const { problem, dismissProblem, report } = chat;
  const [sending, setSending] = useState(false);
  /** What was held back because files are missing. */
  const [held, setHeld] = useState<{ choice: Choice | null } | null>(null);
  const answering = isOpen(chat.state.turn);
  const { incomplete, tray } = composer;
  const text = composer.text.trim();

  // A reason not to send is out of date as soon as something changes.
  const notSent = useRef(false);
  notSent.current = problem?.code === "NOT_SENT";
  useEffect(() => {
    if (notSent.current) dismissProblem();
  }, [composer.text, tray, answering, dismissProblem]);
  useEffect(() => {
    if (incomplete === null) setHeld(null);
  }, [incomplete]);

  const saysSomething = (choice: Choice | null) => choice !== null && !choice.isManualOverride;

  const send = async (choice: Choice | null) => {
    setHeld(null);
    setSending(true);
    const outgoing = { text, attachments: tray.attachments, choice };
    if (await chat.send(outgoing)) {
      composer.clear(outgoing);
      onSent();
    }
    setSending(false);
  };

  const submit = async (choice: Choice | null) => {
    if (sending || (composer.isEmpty && !saysSomething(choice))) return;
    const obstacle = answering
      ? "The director is still answering. Wait, or press Stop; what you typed is kept."
      : composer.tooLong;
    if (obstacle) report({ code: "NOT_SENT", message: obstacle });
    else if (incomplete) setHeld({ choice });
    else await send(choice);
  };

  const isHeld = held !== null && incomplete !== null;
  const leavesSomething = isHeld && (text !== "" || tray.attachments.length > 0 || saysSomething(held.choice));
  return {
    sending,
    submit,
    problem: isHeld ? { code: "NOT_SENT", message: incomplete } : problem,
    sendRest: leavesSomething && !answering && !composer.tooLong ? () => void send(held.choice) : null,
    dismiss: () => {
      setHeld(null);
      dismissProblem();
    },
  };
}
