import type { Client as SocketClient } from "graphql-ws";
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { useClient } from "urql";

import { RetryMedia } from "./Attachments";
import { ChoiceSelector } from "./ChoiceSelector";
import { useFileDrop } from "./FileUpload";
import { InputArea, type InputAreaHandle } from "./InputArea";
import { MessageList } from "./MessageList";
import { PresenceLine } from "./PresenceLine";
import { useTyping } from "./presence";
import { isOpen } from "./reducer";
import { SessionHeader } from "./SessionHeader";
import type { Choice, PageContext } from "./types";
import { useUploads } from "./uploads";
import { type Chat, useChat } from "./useChat";
import { useComposer } from "./useComposer";
import { useSubmit } from "./useSubmit";

interface ChatInterfaceProps {
  context: PageContext;
  socket: SocketClient;
}

export function ChatInterface({ context, socket }: ChatInterfaceProps) {
  const client = useClient();
  const chat = useChat(client, socket, context.sessionId);
  const uploads = useUploads(client, context.projectId, chat.state.media);
  const composer = useComposer(context, uploads);
  const input = useRef<InputAreaHandle>(null);
  const dragging = useFileDrop(uploads.add, uploads.refuse);
  const [overriding, setOverriding] = useState(false);
  const sent = () => setOverriding(false);
  const { sending, submit, problem, sendRest, dismiss } = useSubmit(chat, composer, sent);

  const { state } = chat;
  const answering = isOpen(state.turn);
  const override = state.choices.find((choice) => choice.isManualOverride) ?? null;
  const isActive = state.session?.state === "ACTIVE";
  const canChoose = isActive && !answering && !sending && !state.project?.archivedAt;

  useTyping(client, context.sessionId, composer.text, state.people.some((person) => person.user.id !== context.userId));

  useEffect(() => {
    document.title = `${state.session?.title || state.project?.title || "Chat"} · Auto-Movie`;
  }, [state.session?.title, state.project?.title]);

  const submitAndFocus = async (choice: Choice | null) => {
    await submit(choice);
    if (window.matchMedia("(pointer: fine)").matches) input.current?.focus(); // no keyboard popping up on a phone
  };

  const startOverride = useCallback(() => {
    setOverriding(true);
    input.current?.focus();
  }, []);

  if (chat.gone) return <Gone projectsUrl={context.projectsUrl} />;
  return (
    <RetryMedia value={chat.retryMedia}>
      <div className="chat" data-dragging={dragging || undefined}>
        <SessionHeader state={state} connection={chat.connection} projectsUrl={context.projectsUrl} />
        <Notices chat={chat} context={context} />
        <MessageList
          state={state}
          userId={context.userId}
          steering={canChoose ? chat.steering : null}
          onRetry={chat.retry}
          onLoadOlder={chat.loadOlder}
        >
          <ChoiceSelector
            choices={state.choices}
            disabled={!canChoose}
            answering={answering}
            hasDraft={!composer.isEmpty}
            overriding={overriding}
            onSelect={submitAndFocus}
            onOverride={startOverride}
          />
        </MessageList>
        <PresenceLine people={state.people} userId={context.userId} />
        <InputArea
          ref={input}
          composer={composer}
          maxLength={context.maxMessageLength}
          placeholder={placeholderOf(overriding, state.choices.length > 0)}
          answering={answering}
          sending={sending}
          overriding={overriding}
          problem={problem}
          onSubmit={() => void submitAndFocus(overriding ? override : null)}
          onSendRest={sendRest}
          onStop={chat.stop}
          onCancelOverride={() => setOverriding(false)}
          onDismissProblem={dismiss}
        />
        {dragging && <p className="drop-target">Drop the files to attach them</p>}
      </div>
    </RetryMedia>
  );
}

function placeholderOf(overriding: boolean, hasChoices: boolean): string {
  if (overriding) return "Say exactly what should happen next";
  if (hasChoices) return "Please select one of the choices above or describe your own way";
  return "Describe your movie idea, upload references, or ask questions...";
}

function Gone({ projectsUrl }: { projectsUrl: string }) {
  return (
    <div className="chat-gone" role="alert">
      <h1>This conversation is not available</h1>
      <p>It does not exist, or you no longer have access to it.</p>
      <a className="button button-primary" href={projectsUrl}>
        Go to your projects
      </a>
    </div>
  );
}

function Notices({ chat, context }: { chat: Chat; context: PageContext }) {
  const { session, project } = chat.state;
  const next = encodeURIComponent(window.location.pathname);
  return (
    <>
      {chat.signedOut && (
        <Notice testId="signed-out">
          <p>You are signed out. What you typed is kept on this device.</p>
          <a className="button" href={`${context.loginUrl}?next=${next}`}>
            Sign in again
          </a>
        </Notice>
      )}
      {project?.archivedAt && (
        <Notice testId="archived">
          <p>This project is archived: you can read the conversation, but not add to it until the project is restored.</p>
        </Notice>
      )}
      {session && session.state !== "ACTIVE" && (
        <Notice testId="session-state">
          <p>{STATE_WORDS[session.state] ?? "This conversation is not active."}</p>
          <button type="button" className="button" data-testid="resume" onClick={chat.resume}>
            Resume
          </button>
        </Notice>
      )}
    </>
  );
}

const STATE_WORDS: Record<string, string> = {
  PAUSED: "This conversation is paused. Resume it to go on.",
  COMPLETED: "This conversation is completed. Resume it to add something.",
  ERROR: "The workflow step of this conversation is no longer available. Resume it to go on at the project's current step.",
};

function Notice({ testId, children }: { testId: string; children: ReactNode }) {
  return (
    <div className="notice" role="status" data-testid={testId}>
      {children}
    </div>
  );
}
