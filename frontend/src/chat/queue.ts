/**
 * Files on their way to the server: a few at a time, each with a fate of its own.
 *
 * A file waits, is sent to its ticket's address, is checked by the server and is then a media item of the project.
 * What failed can be tried again from where it stopped: bytes that arrived are not sent twice.
 */
import { problemOf } from "./errors";
import { newKey } from "./format";
import { refusalOf } from "./formats";
import type { Ticket } from "./transfer";
import type { Attachment } from "./types";

export const PARALLEL_UPLOADS = 3;
/** Milliseconds before each further try to complete an upload whose bytes are there; completing twice is harmless. */
const COMPLETE_PAUSES: readonly number[] = [1_000, 3_000];
/** Milliseconds between two notes of how much of a file was sent. */
const NOTE_EVERY = 100;
/** Milliseconds before its end at which a ticket is not begun any more. */
const TICKET_MARGIN = 30_000;

/** Refusals that another try would only repeat. */
const FINAL_CODES: readonly string[] = ["UNSUPPORTED_MEDIA", "LIMIT_EXCEEDED"];
/** Failures after which the ticket is still good. */
const PASSING_CODES: readonly string[] = ["NETWORK", "INTERNAL", "RATE_LIMITED", "TIMED_OUT", "UNAUTHENTICATED"];

export interface Upload {
  key: string;
  file: File;
  status: "waiting" | "uploading" | "checking" | "ready" | "failed";
  /** Bytes. */
  sent: number;
  error: string | null;
  /** Of a failed one: whether trying again may help. */
  canRetry: boolean;
  /** Once it is ready. */
  media: Attachment | null;
}

/** How a file gets from here to there. */
export interface Steps {
  createTicket: (file: File) => Promise<Ticket>;
  sendBytes: (ticket: Ticket, file: File, signal: AbortSignal, onSent: (bytes: number) => void) => Promise<void>;
  complete: (ticketId: string) => Promise<Attachment>;
  /** Tells the server that a ticket will not be used. */
  giveBack: (ticketId: string) => void;
  pause: (milliseconds: number) => Promise<void>;
}

/** What is known of an upload beside what is shown. */
interface Work {
  request: AbortController | null;
  ticket: Ticket | null;
  /** Whether all bytes are at the ticket's address. */
  arrived: boolean;
  interrupted: boolean;
  notedAt: number;
}

export class UploadQueue {
  private items: readonly Upload[] = [];
  private readonly works = new Map<string, Work>();
  private readonly listeners = new Set<() => void>();
  private active = 0;

  constructor(private readonly steps: Steps) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): readonly Upload[] => this.items;

  readonly add = (files: readonly File[]): void => {
    this.show([...this.items, ...files.map((file) => newUpload(file, refusalOf(file)))]);
    this.pump();
  };

  /** Shows why something that was dropped is not a file to send. */
  readonly refuse = (file: File, reason: string): void => {
    this.show([...this.items, newUpload(file, reason)]);
  };

  /** Cancels what is under way; what is a media item already stays one. */
  readonly remove = (keys: readonly string[]): void => {
    const isMedia = (key: string) => this.items.some((item) => item.key === key && item.media);
    for (const key of keys) {
      const work = this.works.get(key);
      work?.request?.abort();
      if (work?.ticket && !isMedia(key)) this.steps.giveBack(work.ticket.id);
      this.works.delete(key);
    }
    this.show(this.items.filter((item) => !keys.includes(item.key)));
  };

  readonly retry = (keys: readonly string[]): void => {
    const again = (item: Upload) => keys.includes(item.key) && item.status === "failed" && item.canRetry;
    this.show(this.items.map((item) => (again(item) ? { ...item, status: "waiting", error: null } : item)));
    this.pump();
  };

  /** Tries again what a lost connection interrupted. */
  readonly resume = (): void => {
    this.retry([...this.works].filter(([, work]) => work.interrupted).map(([key]) => key));
  };

  /** Forgets the files whose media were sent. */
  readonly clear = (mediaIds: readonly string[]): void => {
    this.remove(this.items.filter((item) => item.media && mediaIds.includes(item.media.id)).map((item) => item.key));
  };

  private pump(): void {
    for (const item of this.items) {
      if (this.active >= PARALLEL_UPLOADS) return;
      if (item.status === "waiting") void this.run(item);
    }
  }

  private async run({ key, file }: Upload): Promise<void> {
    const request = new AbortController();
    const work = this.works.get(key) ?? { ticket: null, arrived: false, request, interrupted: false, notedAt: 0 };
    Object.assign(work, { request, interrupted: false });
    this.works.set(key, work);
    this.active += 1;
    this.change(key, { status: "uploading", sent: work.arrived ? file.size : 0 });
    try {
      const media = await this.send(key, file, work, request.signal);
      this.change(key, { status: "ready", media });
    } catch (error) {
      if (!request.signal.aborted) this.fail(key, work, error);
    } finally {
      this.active -= 1;
      this.pump();
    }
  }

  private async send(key: string, file: File, work: Work, signal: AbortSignal): Promise<Attachment> {
    if (!work.ticket || (!work.arrived && isEnding(work.ticket))) {
      work.ticket = await this.steps.createTicket(file);
      work.arrived = false;
      if (signal.aborted) this.steps.giveBack(work.ticket.id);
      signal.throwIfAborted();
    }
    if (!work.arrived) {
      await this.steps.sendBytes(work.ticket, file, signal, (sent) => this.note(key, file, work, sent));
      work.arrived = true;
    }
    this.change(key, { status: "checking", sent: file.size });
    return this.complete(work.ticket.id, signal);
  }

  private async complete(ticketId: string, signal: AbortSignal): Promise<Attachment> {
    for (const milliseconds of COMPLETE_PAUSES) {
      try {
        return await this.steps.complete(ticketId);
      } catch (error) {
        if (problemOf(error).code !== "NETWORK") throw error;
        await this.steps.pause(milliseconds);
        signal.throwIfAborted();
      }
    }
    return this.steps.complete(ticketId);
  }

  private fail(key: string, work: Work, error: unknown): void {
    const { code, message } = problemOf(error);
    if (!PASSING_CODES.includes(code)) {
      work.ticket = null;
      work.arrived = false;
    }
    work.interrupted = code === "NETWORK";
    this.change(key, { status: "failed", error: message, canRetry: !FINAL_CODES.includes(code) });
  }

  private note(key: string, file: File, work: Work, sent: number): void {
    const now = Date.now();
    if (sent < file.size && now - work.notedAt < NOTE_EVERY) return;
    work.notedAt = now;
    this.change(key, { sent });
  }

  private change(key: string, changes: Partial<Upload>): void {
    this.show(this.items.map((item) => (item.key === key ? { ...item, ...changes } : item)));
  }

  private show(items: readonly Upload[]): void {
    this.items = items;
    for (const listener of this.listeners) listener();
  }
}

function newUpload(file: File, refusal: string | null): Upload {
  const status = refusal ? "failed" : "waiting";
  return { key: newKey(), file, status, sent: 0, error: refusal, canRetry: false, media: null };
}

function isEnding(ticket: Ticket): boolean {
  return Date.parse(ticket.expiresAt) - Date.now() < TICKET_MARGIN;
}
