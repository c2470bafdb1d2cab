import { useContext, useEffect, useMemo, useState } from "react";

import { RetryMedia } from "./Attachments";
import { fileSize } from "./format";
import { formatName, isShowable, mimeTypeOf } from "./formats";
import { Preparing } from "./Preparing";
import type { Upload } from "./queue";
import { hasFailed, MAX_ATTACHMENTS, type Tray } from "./tray";
import type { Uploads } from "./uploads";

/** Files from this size on say how many bytes were sent; smaller ones are there in a moment. */
const LARGE = 5_000_000;
/** Pictures above this size are not decoded here: their thumbnail comes from the server. */
const LARGEST_PREVIEW = 20_000_000;

interface UploadTrayProps {
  tray: Tray;
  uploads: Uploads;
}

export function UploadTray({ tray, uploads }: UploadTrayProps) {
  const { items } = uploads;
  if (items.length === 0) return null;
  return (
    <section className="upload-tray" data-testid="upload-tray" aria-label="Files of your message">
      <TraySummary tray={tray} uploads={uploads} />
      <ul>
        {[...tray.failed, ...tray.going, ...tray.later].map((item) => (
          <UploadItem
            key={item.key}
            item={item}
            isLater={tray.later.includes(item)}
            onRemove={() => uploads.remove([item.key])}
            onRetry={() => uploads.retry([item.key])}
          />
        ))}
      </ul>
    </section>
  );
}

/** What many files have come to, with what can be done to all that failed. */
function TraySummary({ tray, uploads }: UploadTrayProps) {
  const { later, failed } = tray;
  const total = uploads.items.length;
  const done = uploads.items.filter((item) => item.status === "ready" && !hasFailed(item)).length;
  const again = failed.filter((item) => item.status === "failed" && item.canRetry).map((item) => item.key);
  return (
    <>
      {total > 1 && (
        <div className="upload-summary">
          <p role="status" data-testid="upload-summary">
            {done} of {total} files uploaded
            {failed.length > 0 && <span className="upload-error">, {failed.length} failed</span>}
          </p>
          {again.length > 1 && (
            <button type="button" className="button button-quiet" onClick={() => uploads.retry(again)}>
              Try {again.length} again
            </button>
          )}
          {failed.length > 1 && (
            <button
              type="button"
              className="button button-quiet"
              onClick={() => uploads.remove(failed.map((item) => item.key))}
            >
              Remove failed
            </button>
          )}
        </div>
      )}
      {later.length > 0 && (
        <p className="upload-note" role="status" data-testid="upload-later">
          A message takes {MAX_ATTACHMENTS} files. {later.length === 1 ? "One more is" : `${later.length} more are`} kept in
          the project and {later.length === 1 ? "goes" : "go"} with your next message.
        </p>
      )}
    </>
  );
}

interface UploadItemProps {
  item: Upload;
  isLater: boolean;
  onRemove: () => void;
  onRetry: () => void;
}

function UploadItem({ item, isLater, onRemove, onRetry }: UploadItemProps) {
  const { file, status, media } = item;
  const retryMedia = useContext(RetryMedia);
  const failed = hasFailed(item);
  const error = item.error ?? (failed && media?.error?.message) ?? null;
  const again = status === "failed" && item.canRetry ? onRetry : failed && media ? () => retryMedia(media.id) : null;
  const underWay = status !== "ready" && status !== "failed";
  return (
    <li
      className={`upload${failed ? " upload-failed" : ""}${isLater ? " upload-later" : ""}`}
      data-testid="upload"
      data-status={failed ? "failed" : status}
    >
      <UploadPicture item={item} />
      <div className="upload-text">
        <span className="upload-name" title={file.name}>
          {file.name}
        </span>
        <span className="upload-status">{statusWords(item)}</span>
        {underWay && status !== "waiting" && (
          <progress
            max={file.size}
            value={status === "uploading" ? item.sent : undefined}
            aria-label={`Upload of ${file.name}`}
          />
        )}
        {media?.status === "PROCESSING" && <Preparing media={media} />}
        {error && (
          <span className="upload-error" role="alert">
            {error}
          </span>
        )}
      </div>
      {again && (
        <button type="button" className="button button-quiet" onClick={again}>
          Try again<span className="visually-hidden"> with {file.name}</span>
        </button>
      )}
      <button
        type="button"
        className="button button-icon button-small"
        title={underWay ? "Cancel" : "Remove from the message"}
        onClick={onRemove}
      >
        <span aria-hidden="true">×</span>
        <span className="visually-hidden">
          {underWay ? "Cancel the upload of" : "Remove"} {file.name}
        </span>
      </button>
    </li>
  );
}

function statusWords({ file, status, sent }: Upload): string {
  const size = fileSize(file.size);
  const percent = `${Math.floor((100 * sent) / file.size)} %`;
  switch (status) {
    case "waiting":
      return `${size} · Waiting`;
    case "uploading":
      return `${percent} · ${file.size < LARGE ? "" : `${sameUnit(fileSize(sent), size)} of `}${size}`;
    case "checking":
      return `${size} · Checking`;
    case "ready":
      return `${formatName(mimeTypeOf(file))} · ${size}`;
    case "failed":
      return size;
  }
}

/** 31.5 MB as 31.5 where what follows is in MB as well. */
function sameUnit(size: string, following: string): string {
  const [number, unit] = size.split(" ");
  return number && unit && following.endsWith(unit) ? number : size;
}

/** The server's thumbnail once there is one; until then the picture itself, where the browser can show it. */
function UploadPicture({ item }: { item: Upload }) {
  const local = useLocalPicture(item.file);
  const [isBroken, setBroken] = useState(false);
  const source = item.media?.thumbnailUrl ?? local;
  if (source && !isBroken) {
    return <img src={source} alt="" className="upload-preview" decoding="async" onError={() => setBroken(true)} />;
  }
  return (
    <span className="upload-preview upload-ending" aria-hidden="true">
      {item.file.name.split(".").pop()?.slice(0, 5)}
    </span>
  );
}

function useLocalPicture(file: File): string | null {
  const isPicture = isShowable(mimeTypeOf(file)) && file.size > 0 && file.size <= LARGEST_PREVIEW;
  const url = useMemo(() => (isPicture ? URL.createObjectURL(file) : null), [file, isPicture]);
  useEffect(() => () => void (url && URL.revokeObjectURL(url)), [url]);
  return url;
}
