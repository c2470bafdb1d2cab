import type { Attachment } from "./types";

/** A file whose preview is being made; it can be sent and opened already. */
export function Preparing({ media }: { media: Attachment }) {
  return (
    <span className="preparing" data-testid="preparing">
      Preparing preview…
      <progress max={100} value={media.progress || undefined} aria-label={`Preview of ${media.filename}`} />
    </span>
  );
}
