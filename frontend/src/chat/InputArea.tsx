import {
  type ClipboardEvent,
  type FormEvent,
  type KeyboardEvent,
  type Ref,
  useDeferredValue,
  useId,
  useImperativeHandle,
  useLayoutEffect,
  useMemo,
  useRef,
} from "react";

import { FileUpload } from "./FileUpload";
import { renderMarkdown } from "./markdown";
import type { Problem } from "./types";
import { UploadTray } from "./UploadTray";
import type { Composer } from "./useComposer";

const MIN_HEIGHT = 52;
const MAX_HEIGHT = 200;
/** From this share of the limit on the counter warns. */
const WARNING_SHARE = 0.9;
const IME_KEY_CODE = 229;

export interface InputAreaHandle {
  focus: () => void;
}

interface InputAreaProps {
  ref: Ref<InputAreaHandle>;
  composer: Composer;
  maxLength: number;
  placeholder: string;
  /** The director is answering: stopping takes the place of sending. */
  answering: boolean;
  sending: boolean;
  overriding: boolean;
  problem: Problem | null;
  onSubmit: () => void;
  /** Sends without the files that are missing, where that was held back. */
  onSendRest: (() => void) | null;
  onStop: () => void;
  onCancelOverride: () => void;
  onDismissProblem: () => void;
}

export function InputArea(props: InputAreaProps) {
  const { composer, maxLength, placeholder, answering, sending, overriding, problem } = props;
  const textarea = useRef<HTMLTextAreaElement>(null);
  const hintId = useId();
  const problemId = useId();
  useImperativeHandle(props.ref, () => ({ focus: () => textarea.current?.focus() }), []);
  useGrowingHeight(textarea, composer.text);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    props.onSubmit();
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    const composing = event.nativeEvent.isComposing || event.keyCode === IME_KEY_CODE;
    if (event.key === "Enter" && !event.shiftKey && !composing) submit(event);
    if (event.key === "Escape" && overriding) props.onCancelOverride();
  };
  const onPaste = (event: ClipboardEvent) => {
    const files = Array.from(event.clipboardData.files);
    // Office programs add a picture of the words that were copied; the words are what is wanted.
    const holdsWords = ["text/html", "text/plain"].every((type) => event.clipboardData.getData(type).trim());
    if (files.length === 0 || holdsWords) return;
    event.preventDefault();
    composer.uploads.add(files);
  };

  return (
    <form className="composer" data-testid="composer-form" onSubmit={submit} onPaste={onPaste}>
      {problem && (
        <div className="notice notice-error" role="alert" id={problemId} data-testid="problem" data-code={problem.code}>
          <p>{problem.message}</p>
          {props.onSendRest && (
            <button type="button" className="button" data-testid="send-rest" onClick={props.onSendRest}>
              Send without them
            </button>
          )}
          <button type="button" className="button button-icon button-small" onClick={props.onDismissProblem}>
            <span aria-hidden="true">×</span>
            <span className="visually-hidden">Dismiss</span>
          </button>
        </div>
      )}
      {overriding && (
        <div className="override-bar">
          <p>
            <strong>Manual Override:</strong> your next message decides what happens next.
          </p>
          <button type="button" className="button button-quiet" onClick={props.onCancelOverride}>
            Cancel
          </button>
        </div>
      )}
      <UploadTray tray={composer.tray} uploads={composer.uploads} />
      {composer.markdown && <MarkdownPreview text={composer.text} />}
      <div className="composer-row">
        <FileUpload onFiles={composer.uploads.add} />
        <div className="composer-field">
          <textarea
            ref={textarea}
            data-testid="composer"
            className={composer.markdown ? "composer-markdown" : undefined}
            aria-label="Your message"
            aria-describedby={problem ? `${hintId} ${problemId}` : hintId}
            aria-invalid={composer.count > maxLength || undefined}
            rows={1}
            value={composer.text}
            placeholder={placeholder}
            onChange={(event) => composer.setText(event.target.value)}
            onKeyDown={onKeyDown}
          />
          <button
            type="button"
            className="mode-toggle"
            data-testid="markdown-toggle"
            data-mode={composer.markdown ? "markdown" : "text"}
            aria-label={composer.markdown ? "MD: switch to plain text" : "TXT: switch to Markdown with preview"}
            title={composer.markdown ? "Switch to plain text" : "Switch to Markdown with preview"}
            onClick={() => composer.setMarkdown(!composer.markdown)}
          >
            {composer.markdown ? "MD" : "TXT"}
          </button>
        </div>
        {answering ? (
          <button type="button" className="button button-stop" data-testid="stop" onClick={props.onStop}>
            Stop
          </button>
        ) : (
          <button
            type="submit"
            className="button button-primary"
            data-testid="send"
            disabled={composer.isEmpty || sending}
          >
            Send
          </button>
        )}
      </div>
      <div className="composer-foot">
        <p id={hintId}>
          <span>Press Enter to send, Shift+Enter for new line</span>
          {composer.markdown && <span>Markdown formatting enabled</span>}
        </p>
        <CharacterCount count={composer.count} limit={maxLength} />
      </div>
    </form>
  );
}

function CharacterCount({ count, limit }: { count: number; limit: number }) {
  const level = count > limit ? "over" : count >= limit * WARNING_SHARE ? "near" : "fine";
  return (
    <p className={`char-count char-count-${level}`}>
      <span data-testid="char-count">
        {count}/{limit}
      </span>
      {level === "near" && <span role="status"> {limit - count} characters left</span>}
      {level === "over" && <span role="alert"> {count - limit} too many</span>}
    </p>
  );
}

function MarkdownPreview({ text }: { text: string }) {
  const deferred = useDeferredValue(text); // a keystroke does not wait for the preview
  const html = useMemo(() => renderMarkdown(deferred), [deferred]);
  return (
    <section className="markdown-preview" aria-label="Preview">
      <p className="markdown-preview-label">Preview</p>
      {/* Sanitised by DOMPurify in renderMarkdown. */}
      <div className="prose" data-testid="markdown-preview" dangerouslySetInnerHTML={{ __html: html }} />
      {!text.trim() && <p className="markdown-preview-empty">What you type appears here as it will look.</p>}
    </section>
  );
}

/** As tall as the text, between one line and eight. */
function useGrowingHeight(textarea: { current: HTMLTextAreaElement | null }, text: string): void {
  useLayoutEffect(() => {
    const box = textarea.current;
    if (!box) return;
    box.style.height = "auto";
    const border = box.offsetHeight - box.clientHeight;
    const height = Math.min(MAX_HEIGHT, Math.max(MIN_HEIGHT, box.scrollHeight + border));
    box.style.height = `${height}px`;
    box.style.overflowY = box.scrollHeight + border > MAX_HEIGHT ? "auto" : "hidden";
  }, [textarea, text]);
}
