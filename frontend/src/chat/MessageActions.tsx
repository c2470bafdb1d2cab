import { type KeyboardEvent, useState } from "react";

import type { Message } from "./types";
import type { Steering } from "./useSteering";

interface MessageActionsProps {
  message: Message;
  isOwn: boolean;
  isLast: boolean;
  steering: Steering;
  onEdit: () => void;
}

/** What one can do with a message: read its other versions, have it answered again, say it in other words. */
export function MessageActions({ message, isOwn, isLast, steering, onEdit }: MessageActionsProps) {
  const { id, role, siblings, replies } = message;
  const earlier = replies.at(-1);
  return (
    <div className="message-actions">
      {siblings.length > 1 && <Versions message={message} onOpen={steering.open} />}
      {isLast && role === "USER" && earlier && (
        <button type="button" className="button-text" data-testid="earlier-reply" onClick={() => steering.open(earlier.id)}>
          Show the earlier reply
        </button>
      )}
      {isLast && role === "ASSISTANT" && (
        <button type="button" className="button-text" data-testid="regenerate" onClick={() => steering.regenerate(id)}>
          Regenerate
        </button>
      )}
      {isOwn && (
        <button type="button" className="button-text" data-testid="edit" onClick={onEdit}>
          Edit
        </button>
      )}
    </div>
  );
}

function Versions({ message, onOpen }: { message: Message; onOpen: (messageId: string) => void }) {
  const place = message.siblings.findIndex((sibling) => sibling.id === message.id);
  const count = message.siblings.length;
  const before = message.siblings[place - 1];
  const after = message.siblings[place + 1];
  return (
    <span className="message-versions" role="group" aria-label={`Version ${place + 1} of ${count}`} data-testid="versions">
      <button
        type="button"
        className="button-text"
        aria-label="Previous version"
        disabled={!before}
        onClick={() => before && onOpen(before.id)}
      >
        ‹
      </button>
      <span aria-hidden="true">
        {place + 1}/{count}
      </span>
      <button
        type="button"
        className="button-text"
        aria-label="Next version"
        disabled={!after}
        onClick={() => after && onOpen(after.id)}
      >
        ›
      </button>
    </span>
  );
}

interface MessageEditorProps {
  message: Message;
  /** Null while nothing can be sent: what was written stays. */
  onSend: ((text: string) => Promise<boolean>) | null;
  onClose: () => void;
}

/** Words to say in a message's place; its files go with them. */
export function MessageEditor({ message, onSend, onClose }: MessageEditorProps) {
  const [text, setText] = useState(message.content);
  const [sending, setSending] = useState(false);
  const canSend = onSend !== null && !sending && (text.trim() !== "" || message.attachments.length > 0);

  const send = async () => {
    if (!onSend || !canSend) return;
    setSending(true);
    if (await onSend(text.trim())) onClose();
    else setSending(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Escape") onClose();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void send();
  };

  return (
    <div className="message-editor">
      <textarea
        aria-label="Edit your message"
        data-testid="editor"
        rows={Math.min(10, text.split("\n").length + 1)}
        value={text}
        // The person has just asked to write here.
        autoFocus
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <div className="message-actions">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          className="button button-primary"
          data-testid="send-edit"
          disabled={!canSend}
          onClick={() => void send()}
        >
          Send
        </button>
      </div>
    </div>
  );
}
