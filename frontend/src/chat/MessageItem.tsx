import { memo, useState } from "react";

import { Attachments } from "./Attachments";
import { absoluteTime, relativeTime } from "./format";
import { MessageActions, MessageEditor } from "./MessageActions";
import type { Message, PendingMessage, Stream } from "./types";
import type { Steering } from "./useSteering";

interface MessageItemProps {
  message: Message;
  userId: string;
  now: number;
  /** Nothing follows it on the active path. */
  isLast: boolean;
  /** Null while the conversation cannot be steered. */
  steering: Steering | null;
}

export const MessageItem = memo(function MessageItem({ message, userId, now, isLast, steering }: MessageItemProps) {
  const author = authorOf(message, userId);
  const [editing, setEditing] = useState(false);
  if (message.role === "SYSTEM") return <SystemNote message={message} now={now} />;
  return (
    <article
      className={`message message-${message.role.toLowerCase()}`}
      data-testid="message"
      data-role={message.role.toLowerCase()}
      data-seq={message.seq}
      aria-label={`${author}, ${absoluteTime(message.createdAt)}`}
    >
      <p className="message-head">
        <span className="message-author">{author}</span>
        <time dateTime={message.createdAt} title={absoluteTime(message.createdAt)}>
          {relativeTime(message.createdAt, now)}
        </time>
      </p>
      <div className="message-body">
        {editing ? (
          <MessageEditor
            message={message}
            onSend={steering && ((text) => steering.edit(message.id, text))}
            onClose={() => setEditing(false)}
          />
        ) : (
          // `html` is rendered and sanitised by the server, which takes no HTML from anybody.
          message.html && <div className="prose" dangerouslySetInnerHTML={{ __html: message.html }} />
        )}
        <Attachments attachments={message.attachments} />
      </div>
      {message.interrupted && <p className="message-note">Stopped part-way</p>}
      {steering && !editing && (
        <MessageActions
          message={message}
          isOwn={message.author?.id === userId}
          isLast={isLast}
          steering={steering}
          onEdit={() => setEditing(true)}
        />
      )}
    </article>
  );
});

/** What the server has to say: a quiet line, and nobody's words. */
function SystemNote({ message, now }: { message: Message; now: number }) {
  return (
    <div
      className="message-system"
      data-testid="message"
      data-role="system"
      data-seq={message.seq}
      role="note"
      aria-label={`Note, ${absoluteTime(message.createdAt)}`}
      title={relativeTime(message.createdAt, now)}
    >
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path d="M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 11v5M12 7.8v.2" />
      </svg>
      {/* As in every message, rendered and sanitised by the server. */}
      <div className="prose" dangerouslySetInnerHTML={{ __html: message.html }} />
      <Attachments attachments={message.attachments} />
    </div>
  );
}

function authorOf(message: Message, userId: string): string {
  if (message.role === "ASSISTANT") return "Director";
  return message.author && message.author.id !== userId ? message.author.name : "You";
}

export function PendingItem({ pending }: { pending: PendingMessage }) {
  return (
    <article className="message message-user message-pending" data-testid="pending-message" aria-label="You, sending">
      <p className="message-head">
        <span className="message-author">You</span>
        <span>Sending…</span>
      </p>
      <div className="message-body">
        <p className="plain-text">{[pending.choiceTitle, pending.text].filter(Boolean).join("\n\n")}</p>
        <Attachments attachments={pending.attachments} />
      </div>
    </article>
  );
}

/** Plain text while it grows: half a table or half a code block would flicker as HTML. */
export function StreamingItem({ stream }: { stream: Stream }) {
  return (
    <article
      className="message message-assistant message-streaming"
      data-testid="streaming-message"
      data-role="assistant"
      aria-label="Director, answering"
      aria-busy="true"
    >
      <p className="message-head">
        <span className="message-author">Director</span>
        <span>answering…</span>
      </p>
      <div className="message-body">
        <p className="plain-text">{stream.text}</p>
      </div>
    </article>
  );
}
