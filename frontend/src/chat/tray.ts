/** What of the files beside the message goes with it. */
import type { Upload } from "./queue";
import type { Attachment } from "./types";

export const MAX_ATTACHMENTS = 10;

export interface Tray {
  /** The first ten that have not failed, in the order in which they came. */
  going: Upload[];
  /** What a message has no room for: it waits for the next one. */
  later: Upload[];
  /** Not uploaded, or of no use to the server. */
  failed: Upload[];
  /** What can be sent now. */
  attachments: Attachment[];
}

export function sortTray(items: readonly Upload[]): Tray {
  const good = items.filter((item) => !hasFailed(item));
  const ready = good.flatMap((item) => (item.status === "ready" && item.media ? [item.media] : []));
  return {
    going: good.slice(0, MAX_ATTACHMENTS),
    later: good.slice(MAX_ATTACHMENTS),
    failed: items.filter(hasFailed),
    attachments: ready.slice(0, MAX_ATTACHMENTS),
  };
}

export function hasFailed(item: Upload): boolean {
  return item.status === "failed" || item.media?.status === "FAILED";
}

/** Why the message would go without some of its files, or null. */
export function obstacleOf({ going, failed }: Tray): string | null {
  if (failed.length > 0) return "Not every file could be uploaded. Try those again or remove them, or send the rest.";
  if (going.some((item) => item.status !== "ready")) {
    return "Files are still being uploaded. Send when they are ready, or send without them.";
  }
  return null;
}
