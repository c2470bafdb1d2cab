import { useEffect, useRef, useState } from "react";

import { fileSize } from "./format";
import { ACCEPTED_FILES, type Upload, type Uploads } from "./uploads";

export function FileUpload({ onFiles }: { onFiles: (files: File[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" className="button button-icon" onClick={() => input.current?.click()}>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M20 11.5 12 19.4a5 5 0 0 1-7-7l8.4-8.3a3.3 3.3 0 0 1 4.7 4.7l-8.4 8.3a1.7 1.7 0 0 1-2.4-2.4l7.6-7.5" />
        </svg>
        <span className="visually-hidden">Attach files</span>
      </button>
      <input
        ref={input}
        type="file"
        className="visually-hidden"
        data-testid="file-input"
        accept={ACCEPTED_FILES}
        multiple
        tabIndex={-1}
        aria-label="Files to attach"
        onChange={(event) => {
          onFiles(Array.from(event.target.files ?? []));
          event.target.value = ""; // so that the same file can be chosen again
        }}
      />
    </>
  );
}

const STATUS_WORDS: Record<Upload["status"], string> = {
  uploading: "Uploading",
  checking: "Checking",
  ready: "Ready",
  failed: "Not uploaded",
};

export function UploadTray({ uploads }: { uploads: Uploads }) {
  if (uploads.items.length === 0 && !uploads.refusal) return null;
  return (
    <div className="upload-tray">
      <ul>
        {uploads.items.map((item) => (
          <UploadItem
            key={item.key}
            item={item}
            onRemove={() => uploads.remove(item.key)}
            onRetry={() => uploads.retry(item.key)}
          />
        ))}
      </ul>
      {uploads.refusal && <p role="alert">{uploads.refusal}</p>}
    </div>
  );
}

interface UploadItemProps {
  item: Upload;
  onRemove: () => void;
  onRetry: () => void;
}

function UploadItem({ item, onRemove, onRetry }: UploadItemProps) {
  const { file, status } = item;
  return (
    <li className={`upload upload-${status}`} data-testid="upload" data-status={status}>
      {item.previewUrl && status !== "failed" && <img src={item.previewUrl} alt="" className="upload-preview" />}
      <div className="upload-text">
        <span className="upload-name">{file.name}</span>
        <span className="upload-status">
          {fileSize(file.size)} · {STATUS_WORDS[status]}
          {status === "uploading" && ` ${item.progress} %`}
        </span>
        {status === "uploading" && <progress max={100} value={item.progress} aria-label={`Upload of ${file.name}`} />}
        {item.error && (
          <span className="upload-error" role="alert">
            {item.error}
          </span>
        )}
      </div>
      {status === "failed" && item.canRetry && (
        <button type="button" className="button button-quiet" onClick={onRetry}>
          Try again<span className="visually-hidden"> to upload {file.name}</span>
        </button>
      )}
      <button type="button" className="button button-icon button-small" onClick={onRemove}>
        <span aria-hidden="true">×</span>
        <span className="visually-hidden">Remove {file.name}</span>
      </button>
    </li>
  );
}

/** Takes files dropped anywhere on the page. Answers whether some are being dragged over it. */
export function useFileDrop(onFiles: (files: File[]) => void): boolean {
  const [dragging, setDragging] = useState(false);
  useEffect(() => {
    let depth = 0; // enter and leave come for every element on the way
    const holdsFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent) => {
      if (!holdsFiles(event)) return;
      depth += 1;
      setDragging(true);
    };
    const leave = (event: DragEvent) => {
      if (!holdsFiles(event)) return;
      depth = Math.max(0, depth - 1);
      if (depth === 0) setDragging(false);
    };
    const over = (event: DragEvent) => {
      if (holdsFiles(event)) event.preventDefault();
    };
    const drop = (event: DragEvent) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      depth = 0;
      setDragging(false);
      onFiles(Array.from(event.dataTransfer?.files ?? []));
    };
    document.addEventListener("dragenter", enter);
    document.addEventListener("dragleave", leave);
    document.addEventListener("dragover", over);
    document.addEventListener("drop", drop);
    return () => {
      document.removeEventListener("dragenter", enter);
      document.removeEventListener("dragleave", leave);
      document.removeEventListener("dragover", over);
      document.removeEventListener("drop", drop);
    };
  }, [onFiles]);
  return dragging;
}
