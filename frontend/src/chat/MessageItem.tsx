import { memo } from "react";

import { Attachments } from "./Attachments";
import { absoluteTime, relativeTime } from "./format";
import type { Message, PendingMessage, Stream } from "./types";

interface MessageItemProps {
  message: Message;
  userId: string;
  now: number;
}

export const MessageItem = memo(function MessageItem({ message, userId, now }: MessageItemProps) {
  const author = authorOf(message, userId);
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
        {/* `html` is rendered and sanitised by the server, which takes no HTML from anybody. */}
        {message.html && <div className="prose" dangerouslySetInnerHTML={{ __html: message.html }} />}
        <Attachments attachments={message.attachments} />
      </div>
      {message.interrupted && <p className="message-note">Stopped part-way</p>}
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
