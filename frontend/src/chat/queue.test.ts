import { describe, expect, it } from "vitest";

import { ApiError } from "./errors";
import { PARALLEL_UPLOADS, type Steps, type Upload, UploadQueue } from "./queue";
import { hasFailed, MAX_ATTACHMENTS, obstacleOf, sortTray } from "./tray";
import type { Ticket } from "./transfer";
import type { Attachment } from "./types";

const OFFLINE = new ApiError("NETWORK", "The upload was interrupted.");

/** A server whose every answer the test gives by hand; what it was asked is in `asked`. */
class Server implements Steps {
  readonly asked: string[] = [];
  lifetime = 3_600_000;
  private tickets = 0;
  private readonly open = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();
  private readonly failing = new Map<string, Error[]>();

  createTicket = async (file: File): Promise<Ticket> => {
    await this.answer(`ticket ${file.name}`);
    this.tickets += 1;
    const expiresAt = new Date(Date.now() + this.lifetime).toISOString();
    return { id: `${file.name}#${this.tickets}`, method: "PUT", url: "/uploads/x", headers: [], expiresAt };
  };

  sendBytes = (ticket: Ticket, file: File, signal: AbortSignal, onSent: (bytes: number) => void): Promise<void> => {
    this.asked.push(`put ${ticket.id}`);
    return new Promise((resolve, reject) => {
      onSent(1);
      this.open.set(file.name, { resolve, reject });
      signal.addEventListener("abort", () => reject(OFFLINE));
    });
  };

  complete = async (ticketId: string): Promise<Attachment> => {
    await this.answer(`complete ${ticketId}`);
    return media(ticketId.split("#")[0] ?? "");
  };

  giveBack = (ticketId: string): void => {
    this.asked.push(`back ${ticketId}`);
  };

  pause = async (milliseconds: number): Promise<void> => {
    this.asked.push(`pause ${milliseconds}`);
  };

  /** The next so many requests that begin with `what` are answered with errors. */
  fails(what: string, ...errors: Error[]): void {
    this.failing.set(what, errors);
  }

  async finish(name: string, error?: Error): Promise<void> {
    const put = this.open.get(name);
    if (!put) throw new Error(`Nobody sends ${name}.`);
    if (error) put.reject(error);
    else put.resolve();
    await settled();
  }

  private async answer(what: string): Promise<void> {
    this.asked.push(what);
    for (const [beginning, errors] of this.failing) {
      const error = what.startsWith(beginning) ? errors.shift() : undefined;
      if (error) throw error;
    }
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function media(name: string, changes: Partial<Attachment> = {}): Attachment {
  return { id: `media-${name}`, status: "PROCESSING", filename: name, updatedAt: "1", error: null, ...changes } as Attachment;
}

function file(name: string, content = "abc"): File {
  return new File([content], name);
}

async function queued(server: Server, ...names: string[]): Promise<UploadQueue> {
  const queue = new UploadQueue(server);
  queue.add(names.map((name) => file(name)));
  await settled();
  return queue;
}

function statuses(queue: UploadQueue): string[] {
  return queue.snapshot().map((item) => item.status);
}

function only(queue: UploadQueue): Upload {
  const [item] = queue.snapshot();
  if (!item) throw new Error("The queue is empty.");
  return item;
}

describe("many files", () => {
  const names = Array.from({ length: 30 }, (_, index) => `${index}.png`);

  it("are sent a few at a time while the rest waits", async () => {
    const queue = await queued(new Server(), ...names);
    expect(statuses(queue).filter((status) => status === "uploading")).toHaveLength(PARALLEL_UPLOADS);
    expect(statuses(queue).filter((status) => status === "waiting")).toHaveLength(30 - PARALLEL_UPLOADS);
  });

  it("move up in their order as others end, well or not", async () => {
    const server = new Server();
    const queue = await queued(server, "a.png", "b.png", "c.png", "d.png", "e.png");
    await server.finish("b.png");
    expect(statuses(queue)).toEqual(["uploading", "ready", "uploading", "uploading", "waiting"]);
    await server.finish("a.png", new ApiError("LIMIT_EXCEEDED", "Too large."));
    expect(statuses(queue)).toEqual(["failed", "ready", "uploading", "uploading", "uploading"]);
  });

  it("never exceed the limit, whatever becomes of them", async () => {
    const server = new Server();
    const queue = await queued(server, ...names);
    for (const [index, name] of names.entries()) {
      expect(statuses(queue).filter((status) => status === "uploading").length).toBeLessThanOrEqual(PARALLEL_UPLOADS);
      await server.finish(name, index % 3 === 0 ? OFFLINE : undefined);
    }
    expect(statuses(queue).filter((status) => status === "ready")).toHaveLength(20);
    expect(statuses(queue).filter((status) => status === "failed")).toHaveLength(10);
  });

  it("are each told what was wrong with them, in the server's words", async () => {
    const server = new Server();
    server.fails("complete a.png", new ApiError("UNSUPPORTED_MEDIA", "The file was declared as PNG, but is PDF."));
    const queue = await queued(server, "a.png", "b.png");
    await server.finish("a.png");
    await server.finish("b.png");
    expect(queue.snapshot().map((item) => item.error)).toEqual(["The file was declared as PNG, but is PDF.", null]);
    expect(only(queue).canRetry).toBe(false);
  });
});

describe("a file that is not worth sending", () => {
  it("is refused without asking the server", async () => {
    const server = new Server();
    const queue = new UploadQueue(server);
    queue.add([file("empty.png", ""), file("logo.svg"), file("tool.exe")]);
    await settled();
    expect(statuses(queue)).toEqual(["failed", "failed", "failed"]);
    expect(only(queue).error).toContain("empty");
    expect(server.asked).toEqual([]);
  });

  it("cannot be tried again", async () => {
    const server = new Server();
    const queue = await queued(server, "logo.svg");
    queue.retry([only(queue).key]);
    expect(statuses(queue)).toEqual(["failed"]);
  });
});

describe("cancelling", () => {
  it("stops the request, forgets the file and lets the next one go", async () => {
    const server = new Server();
    const queue = await queued(server, "a.png", "b.png", "c.png", "d.png");
    queue.remove([only(queue).key]);
    await settled();
    expect(queue.snapshot().map((item) => item.file.name)).toEqual(["b.png", "c.png", "d.png"]);
    expect(statuses(queue)).toEqual(["uploading", "uploading", "uploading"]);
    expect(server.asked).not.toContain("complete a.png#1");
    expect(server.asked).toContain("back a.png#1");
  });

  it("a waiting file never begins it", async () => {
    const server = new Server();
    const queue = await queued(server, "a.png", "b.png", "c.png", "d.png");
    queue.remove([queue.snapshot()[3]?.key ?? ""]);
    await server.finish("a.png");
    expect(server.asked).not.toContain("ticket d.png");
  });
});

describe("trying again", () => {
  it("after a lost connection sends the bytes to the same ticket", async () => {
    const server = new Server();
    const queue = await queued(server, "a.png");
    await server.finish("a.png", OFFLINE);
    expect(only(queue)).toMatchObject({ status: "failed", canRetry: true, error: OFFLINE.message });
    queue.retry([only(queue).key]);
    await settled();
    await server.finish("a.png");
    expect(statuses(queue)).toEqual(["ready"]);
    expect(server.asked).toEqual(["ticket a.png", "put a.png#1", "put a.png#1", "complete a.png#1"]);
  });

  it("after a refused or expired address asks for a new ticket", async () => {
    const server = new Server();
    const queue = await queued(server, "a.png");
    await server.finish("a.png", new ApiError("FORBIDDEN", "The time for this upload has run out."));
    queue.retry([only(queue).key]);
    await settled();
    expect(server.asked).toEqual(["ticket a.png", "put a.png#1", "ticket a.png", "put a.png#2"]);
  });

  it("does not begin a ticket that is about to end", async () => {
    const server = new Server();
    server.lifetime = 5_000;
    const queue = await queued(server, "a.png");
    await server.finish("a.png", OFFLINE);
    queue.retry([only(queue).key]);
    await settled();
    expect(server.asked.at(-1)).toBe("put a.png#2");
  });

  it("completes by itself where only that was lost, without sending the bytes again", async () => {
    const server = new Server();
    server.fails("complete", OFFLINE);
    const queue = await queued(server, "a.png");
    await server.finish("a.png");
    expect(statuses(queue)).toEqual(["ready"]);
    expect(server.asked.slice(1)).toEqual(["put a.png#1", "complete a.png#1", "pause 1000", "complete a.png#1"]);
  });

  it("by hand goes on with completing where the bytes have arrived", async () => {
    const server = new Server();
    server.fails("complete", OFFLINE, OFFLINE, OFFLINE);
    const queue = await queued(server, "a.png");
    await server.finish("a.png");
    expect(only(queue)).toMatchObject({ status: "failed", canRetry: true });
    queue.retry([only(queue).key]);
    await settled();
    expect(statuses(queue)).toEqual(["ready"]);
    expect(server.asked.filter((what) => what.startsWith("put"))).toHaveLength(1);
  });

  it("happens by itself when the connection is back, to what it interrupted alone", async () => {
    const server = new Server();
    server.fails("ticket b.png", new ApiError("CONFLICT", "The project is archived."));
    const queue = await queued(server, "a.png", "b.png");
    await server.finish("a.png", OFFLINE);
    queue.resume();
    await settled();
    expect(statuses(queue)).toEqual(["uploading", "failed"]);
  });
});

describe("the tray", () => {
  const item = (name: string, changes: Partial<Upload> = {}): Upload => ({
    key: name,
    file: file(name),
    status: "ready",
    sent: 3,
    error: null,
    canRetry: false,
    media: media(name, { status: "ACTIVE" }),
    ...changes,
  });
  const many = Array.from({ length: 13 }, (_, index) => item(`${index}.png`));

  it("gives a message ten files and keeps the rest for the next one", () => {
    const { going, later, attachments } = sortTray(many);
    expect(going).toHaveLength(MAX_ATTACHMENTS);
    expect(later.map((upload) => upload.key)).toEqual(["10.png", "11.png", "12.png"]);
    expect(attachments.map(({ id }) => id)).toEqual(going.map((upload) => `media-${upload.key}`));
  });

  it("gives the room of a failed file to the next", () => {
    const { later, failed } = sortTray([item("x.png", { status: "failed", media: null }), ...many.slice(0, 10)]);
    expect(later).toEqual([]);
    expect(failed).toHaveLength(1);
  });

  it("sends media that are still being prepared, and none whose preparing failed", () => {
    const processing = item("a.mp4", { media: media("a.mp4") });
    const broken = item("b.mp4", { media: media("b.mp4", { status: "FAILED" }) });
    expect(sortTray([processing, broken]).attachments.map(({ id }) => id)).toEqual(["media-a.mp4"]);
    expect(hasFailed(broken)).toBe(true);
  });

  it("holds a message back for files that are missing from it, and for no others", () => {
    const uploading = item("z.png", { status: "uploading", media: null });
    expect(obstacleOf(sortTray(many))).toBeNull();
    expect(obstacleOf(sortTray([...many, uploading]))).toBeNull();
    expect(obstacleOf(sortTray([uploading]))).toContain("still being uploaded");
    expect(obstacleOf(sortTray([item("x.png", { status: "failed", media: null })]))).toContain("Not every file");
  });
});
