import { createContext, type ReactNode, useContext, useRef, useState } from "react";

import { duration, fileSize } from "./format";
import { formatName, isShowable } from "./formats";
import { Preparing } from "./Preparing";
import type { Attachment } from "./types";

/** Has a media item that failed prepared again. */
export const RetryMedia = createContext<(mediaId: string) => void>(() => {});

/** Files in a message: pictures to look at, films and sound to play, documents to open. */
export function Attachments({ attachments }: { attachments: Attachment[] }) {
  if (attachments.length === 0) return null;
  return (
    <ul className="attachments">
      {attachments.map((media) => (
        <li
          key={media.id}
          className={`attachment attachment-${media.kind.toLowerCase()}`}
          data-testid="attachment"
          data-kind={media.kind.toLowerCase()}
          data-status={media.status.toLowerCase()}
        >
          <AttachmentItem media={media} />
          {media.status === "PROCESSING" && <Preparing media={media} />}
          {media.status === "FAILED" && <Failure media={media} />}
        </li>
      ))}
    </ul>
  );
}

function AttachmentItem({ media }: { media: Attachment }) {
  if (media.url === null) return <Card media={media} />;
  // What could not be read is offered as it is, and not played.
  if (media.status === "FAILED") return <FileLink media={media} />;
  switch (media.kind) {
    case "IMAGE":
      return <Picture media={media} />;
    case "VIDEO":
      return <Film key={media.url} media={media} />;
    case "AUDIO":
      return <Sound key={media.url} media={media} />;
    case "DOCUMENT":
      return <FileLink media={media} />;
  }
}

function Picture({ media }: { media: Attachment }) {
  const source = media.thumbnailUrl ?? (media.status !== "PROCESSING" && isShowable(media.mimeType) ? media.url : null);
  if (!source || !isShowable(media.mimeType)) return <FileLink media={media} />;
  return (
    <a href={media.url ?? undefined} target="_blank" rel="noopener">
      <img className="attachment-picture" src={source} alt={media.title || media.filename} loading="lazy" />
      <span className="visually-hidden"> (opens the picture)</span>
    </a>
  );
}

/** The poster until somebody wants to see it: nothing of the film is loaded before. */
function Film({ media }: { media: Attachment }) {
  const video = useRef<HTMLVideoElement>(null);
  const [state, setState] = useState<"still" | "playing" | "unplayable">("still");
  const { width, height, duration: seconds } = media.technicalData;
  const play = () => {
    setState("playing");
    video.current?.play().catch(() => {}); // what cannot be played is told by the error event
    video.current?.focus();
  };
  if (state === "unplayable") return <Unplayable media={media} />;
  const isTall = width !== null && height !== null && height > width;
  return (
    <>
      <div className={`film${isTall ? " film-tall" : ""}`}>
        <video
          ref={video}
          src={media.url ?? undefined}
          poster={media.thumbnailUrl ?? undefined}
          width={width ?? 16}
          height={height ?? 9}
          controls={state === "playing"}
          preload="none"
          playsInline
          aria-label={media.title || media.filename}
          tabIndex={state === "playing" ? 0 : -1}
          onError={() => setState("unplayable")}
        />
        {state === "still" && (
          <button type="button" className="film-play" data-testid="play" onClick={play}>
            <span className="film-play-sign" aria-hidden="true" />
            <span className="visually-hidden">Play {media.filename}</span>
            {seconds !== null && <span className="film-duration">{duration(seconds)}</span>}
          </button>
        )}
      </div>
      <Caption media={media} />
    </>
  );
}

function Sound({ media }: { media: Attachment }) {
  const [isUnplayable, setUnplayable] = useState(false);
  if (isUnplayable) return <Unplayable media={media} />;
  return (
    <>
      {media.thumbnailUrl && (
        <img className="sound-wave" src={media.thumbnailUrl} alt={`Waveform of ${media.filename}`} loading="lazy" />
      )}
      <audio
        src={media.url ?? undefined}
        controls
        preload="none"
        aria-label={media.title || media.filename}
        onError={() => setUnplayable(true)}
      />
      <Caption media={media} />
    </>
  );
}

function Unplayable({ media }: { media: Attachment }) {
  return (
    <>
      <FileLink media={media} />
      <p className="attachment-note">This browser cannot play the file. It can be downloaded.</p>
    </>
  );
}

/** A document, or what a browser cannot show: its first page or picture, and the way to the file. */
function FileLink({ media }: { media: Attachment }) {
  const opens = isShowable(media.mimeType) || media.mimeType.startsWith("text/");
  return (
    <a href={media.url ?? undefined} {...(opens ? { target: "_blank", rel: "noopener" } : { download: media.filename })}>
      <Card media={media}>
        <span className="visually-hidden">{opens ? " (opens the file)" : " (downloads the file)"}</span>
      </Card>
    </a>
  );
}

const ICONS: Record<Attachment["kind"], string> = {
  IMAGE: "M3.5 5h17v14h-17zM3.5 16l4.5-4.5 4 4 3-3 5.5 5M15.5 9v.1",
  VIDEO: "M3.5 5h17v14h-17zM7.5 5v14M16.5 5v14M3.5 9.7h4M3.5 14.3h4M16.5 9.7h4M16.5 14.3h4",
  AUDIO: "M4 10v4M8 6.5v11M12 3.5v17M16 7.5v9M20 10v4",
  DOCUMENT: "M6 2.8h8l4.5 4.5v13.9H6zM14 2.8v4.5h4.5M9 12h6M9 15.5h6",
};

function Card({ media, children }: { media: Attachment; children?: ReactNode }) {
  const what = media.kind === "DOCUMENT" ? `First page of ${media.filename}` : media.filename;
  return (
    <span className={`file-card${media.thumbnailUrl ? " file-card-tall" : ""}`}>
      {media.thumbnailUrl ? (
        <img className="file-page" src={media.thumbnailUrl} alt={what} loading="lazy" />
      ) : (
        <svg className="file-icon" viewBox="0 0 24 24" aria-hidden="true">
          <path d={ICONS[media.kind]} />
        </svg>
      )}
      <Caption media={media} />
      {children}
    </span>
  );
}

function Caption({ media }: { media: Attachment }) {
  const { duration: seconds } = media.technicalData;
  const facts = [formatName(media.mimeType), seconds === null ? null : duration(seconds), fileSize(media.fileSize)];
  return (
    <span className="attachment-caption">
      <span className="attachment-name" title={media.filename}>
        {media.filename}
      </span>
      <span className="attachment-facts">{facts.filter((fact) => fact !== null).join(" · ")}</span>
    </span>
  );
}

function Failure({ media }: { media: Attachment }) {
  const retry = useContext(RetryMedia);
  return (
    <p className="attachment-failure" data-testid="media-error">
      <span>{media.error?.message ?? "The file could not be prepared."}</span>
      <button type="button" className="button button-quiet" onClick={() => retry(media.id)}>
        Try again<span className="visually-hidden"> to prepare {media.filename}</span>
      </button>
    </p>
  );
}
