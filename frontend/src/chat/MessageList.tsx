import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";

import { useNow } from "./format";
import { MessageItem, PendingItem, StreamingItem } from "./MessageItem";
import { type ChatState, isOpen, timelineOf } from "./reducer";
import { TaskItem } from "./TaskItem";
import type { Message, Turn } from "./types";
import type { Steering } from "./useSteering";

/** How near the end still counts as being there, in pixels. */
const BOTTOM_SLACK = 48;

interface MessageListProps {
  state: ChatState;
  userId: string;
  /** Null while the conversation cannot be steered. */
  steering: Steering | null;
  onRetry: () => void;
  onLoadOlder: () => Promise<void>;
  /** What follows the conversation: the offered choices. */
  children?: ReactNode;
}

export function MessageList({ state, userId, steering, onRetry, onLoadOlder, children }: MessageListProps) {
  const { messages, pending, stream, turn, tasks, olderCursor } = state;
  const now = useNow();
  const scroll = useStickyScroll(messages[0]?.seq ?? 0, pending.length);
  const [loadingOlder, setLoadingOlder] = useState(false);
  const isThinking = isOpen(turn) && !stream?.text;
  const isEmpty = state.live && messages.length === 0 && pending.length === 0 && !isThinking;

  const loadOlder = async () => {
    setLoadingOlder(true);
    await onLoadOlder();
    setLoadingOlder(false);
  };

  return (
    <div className="message-area">
      <div className="message-scroller" ref={scroll.scroller} tabIndex={0} role="region" aria-label="Conversation">
        <div className="message-column" ref={scroll.content}>
          {olderCursor && (
            <button type="button" className="button button-quiet" onClick={loadOlder} disabled={loadingOlder}>
              {loadingOlder ? "Loading…" : "Load older messages"}
            </button>
          )}
          {isEmpty && <EmptyState />}
          {/* Finished replies are announced by the Announcer; reading out every change here would chatter. */}
          <div className="message-log" role="log" aria-live="off" aria-label="Messages">
            {timelineOf(messages, tasks, olderCursor !== null).map((item) =>
              "seq" in item ? (
                <MessageItem
                  key={item.id}
                  message={item}
                  userId={userId}
                  now={now}
                  isLast={item === messages.at(-1)}
                  steering={steering}
                />
              ) : (
                <TaskItem key={item.id} task={item} />
              ),
            )}
            {pending.map((item) => (
              <PendingItem key={item.key} pending={item} />
            ))}
            {stream?.text && <StreamingItem stream={stream} />}
            {isThinking && <p className="thinking">The director is thinking…</p>}
            {turn && <TurnEnd turn={turn} messages={messages} onRetry={onRetry} />}
          </div>
          {children}
        </div>
      </div>
      {!scroll.atBottom && (
        <button
          type="button"
          className="button jump-to-newest"
          data-testid="jump-to-newest"
          onClick={scroll.jumpToBottom}
        >
          Jump to newest <span aria-hidden="true">↓</span>
        </button>
      )}
      <Announcer messages={messages} live={state.live} />
    </div>
  );
}

function EmptyState() {
  return (
    <div className="empty-state">
      <h2>A blank page</h2>
      <p>Tell the director what your series is about: a sentence is enough. Pictures, films, sound and notes help as well.</p>
    </div>
  );
}

function TurnEnd({ turn, messages, onRetry }: { turn: Turn; messages: Message[]; onRetry: () => void }) {
  const lastWords = messages.findLast((message) => message.role !== "SYSTEM");
  if (turn.status === "CANCELLED" && lastWords?.role === "USER") {
    return <p className="thinking">Stopped before the director said anything. Send a message to go on.</p>;
  }
  if (turn.status !== "FAILED") return null;
  return (
    <div className="notice notice-error" role="alert" data-testid="turn-error">
      <p>{turn.error?.message ?? "The director could not answer. Your message is kept."}</p>
      <button type="button" className="button" data-testid="retry" onClick={onRetry}>
        Try again
      </button>
    </div>
  );
}

/** Reads out each reply and each note once, when it is complete. */
function Announcer({ messages, live }: { messages: Message[]; live: boolean }) {
  const announced = useRef<number | null>(null);
  const [text, setText] = useState("");
  useEffect(() => {
    if (!live) return;
    const before = announced.current;
    announced.current = messages.at(-1)?.seq ?? 0;
    if (before === null) return;
    const arrived = messages.filter((message) => message.seq > before && message.role !== "USER");
    if (arrived.length > 0) setText(arrived.map(spoken).join(" "));
  }, [live, messages]);
  return (
    <div className="visually-hidden" aria-live="polite" data-testid="announcer">
      {text}
    </div>
  );
}

function spoken(message: Message): string {
  const words = new DOMParser().parseFromString(message.html, "text/html").body.textContent;
  return `${message.role === "SYSTEM" ? "Note" : "Director"}: ${words}`;
}

/**
 * Follows the end of the conversation while one is there or has just said something, and keeps one's place when
 * older messages come in above.
 */
function useStickyScroll(firstSeq: number, sending: number) {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const sticks = useRef(true);
  const height = useRef(0);
  const top = useRef(0);
  const [atBottom, setAtBottom] = useState(true);

  const follow = () => {
    const box = scroller.current;
    if (!box) return;
    if (sticks.current) box.scrollTop = box.scrollHeight;
    height.current = box.scrollHeight;
    top.current = box.scrollTop;
  };
  const jumpToBottom = () => {
    sticks.current = true;
    setAtBottom(true);
    follow();
  };

  useLayoutEffect(() => {
    const box = scroller.current;
    if (box && !sticks.current) box.scrollTop += box.scrollHeight - height.current;
  }, [firstSeq]);

  useLayoutEffect(() => {
    if (sending > 0) jumpToBottom();
  }, [sending]);

  useLayoutEffect(follow);

  useEffect(() => {
    const box = scroller.current;
    const inner = content.current;
    if (!box || !inner) return;
    const notice = () => {
      // Not being at the end counts only after moving up: the content may have grown since the last scroll.
      const movedUp = box.scrollTop < top.current;
      top.current = box.scrollTop;
      if (box.scrollHeight - box.scrollTop - box.clientHeight < BOTTOM_SLACK) sticks.current = true;
      else if (movedUp) sticks.current = false;
      setAtBottom(sticks.current);
    };
    const observer = new ResizeObserver(follow);
    observer.observe(inner);
    observer.observe(box);
    box.addEventListener("scroll", notice, { passive: true });
    return () => {
      observer.disconnect();
      box.removeEventListener("scroll", notice);
    };
  }, []);

  return { scroller, content, atBottom, jumpToBottom };
}
