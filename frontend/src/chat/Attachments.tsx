import { fileSize } from "./format";
import type { Attachment } from "./types";

/** Pictures as thumbnails, everything else as a chip; both open the file itself. */
export function Attachments({ attachments }: { attachments: Attachment[] }) {
  if (attachments.length === 0) return null;
  return (
    <ul className="attachments">
      {attachments.map((attachment) => (
        <li key={attachment.id} data-testid="attachment">
          <AttachmentLink attachment={attachment} />
        </li>
      ))}
    </ul>
  );
}

function AttachmentLink({ attachment }: { attachment: Attachment }) {
  const name = attachment.title || attachment.filename;
  const picture = attachment.kind === "IMAGE" ? (attachment.thumbnailUrl ?? attachment.url) : null;
  const content = picture ? (
    <img className="attachment-picture" src={picture} alt={name} loading="lazy" />
  ) : (
    <span className="attachment-chip">
      <span className="attachment-name">{attachment.filename}</span>
      <span className="attachment-size">{fileSize(attachment.fileSize)}</span>
    </span>
  );
  if (!attachment.url) return content;
  return (
    <a href={attachment.url} target="_blank" rel="noopener">
      {content}
      <span className="visually-hidden">{picture ? " (opens the picture)" : " (opens the file)"}</span>
    </a>
  );
}
