/** Media items as the page knows them: the newest that any answer or event has told. */
import type { Attachment, Message, PendingMessage, Task } from "./types";

export type KnownMedia = Readonly<Record<string, Attachment>>;

/** The newer of what is known and what has come with something else; events know best where both are of one moment. */
export function newest(known: KnownMedia, media: Attachment): Attachment {
  const other = known[media.id];
  return other && other.updatedAt >= media.updatedAt ? other : media;
}

/** Whether nothing newer is known than what an event or a mutation tells. */
export function isNews(known: KnownMedia, media: Attachment): boolean {
  const other = known[media.id];
  return !other || other.updatedAt <= media.updatedAt;
}

export function withNewest<Holder extends Message | PendingMessage>(known: KnownMedia, holder: Holder): Holder {
  const attachments = allNewest(known, holder.attachments);
  return attachments === holder.attachments ? holder : { ...holder, attachments };
}

export function taskWithNewest(known: KnownMedia, task: Task): Task {
  const results = allNewest(known, task.results);
  return results === task.results ? task : { ...task, results };
}

/** The same list where nothing changes, so that what shows it need not be drawn again. */
function allNewest(known: KnownMedia, list: Attachment[]): Attachment[] {
  const changed = list.some((media) => newest(known, media) !== media);
  return changed ? list.map((media) => newest(known, media)) : list;
}
