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

function authorOf(message: Message, userId: string): string {
  if (message.role === "ASSISTANT") return "Director";
  if (message.role === "SYSTEM") return "Notice";
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
