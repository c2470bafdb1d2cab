import { describe, expect, it } from "vitest";

import { duration, fileSize } from "./format";
import { ACCEPTED_FILES, mimeTypeOf, refusalOf } from "./formats";
import { refusalOf as refusalOfAnswer } from "./transfer";

const typeOf = (name: string, type = "") => mimeTypeOf({ name, type });

describe("the type of a file", () => {
  it("is told by its ending where the system says nothing, or something else", () => {
    expect(typeOf("IMG_0001.HEIC")).toBe("image/heic");
    expect(typeOf("pilot.fountain")).toBe("text/x-fountain");
    expect(typeOf("notes.md", "text/plain")).toBe("text/markdown");
    expect(typeOf("voice.m4a", "audio/x-m4a")).toBe("audio/mp4");
    expect(typeOf("take.mov", "video/mp4")).toBe("video/quicktime");
  });

  it("is what the system says where there is no known ending", () => {
    expect(typeOf("blob", "image/png")).toBe("image/png");
    expect(typeOf("recording", "audio/x-wav")).toBe("audio/wav");
    expect(typeOf("notes", "text/plain;charset=utf-8")).toBe("text/plain");
  });

  it("is unknown of what is not taken", () => {
    expect(typeOf("logo.svg", "image/svg+xml")).toBe("");
    expect(typeOf("page.html", "text/html")).toBe("");
    expect(typeOf("archive")).toBe("");
  });

  it("is offered by the picker in both ways", () => {
    const offered = ACCEPTED_FILES.split(",");
    for (const wanted of ["image/avif", "image/heic", ".heic", "video/quicktime", ".flac", ".fountain", ".md", ".pdf"]) {
      expect(offered).toContain(wanted);
    }
    expect(offered).not.toContain(".svg");
  });
});

describe("a refusal", () => {
  it("of the page names what is wrong", () => {
    expect(refusalOf({ name: "a.png", type: "", size: 0 })).toContain("empty");
    expect(refusalOf({ name: "a.svg", type: "image/svg+xml", size: 9 })).toContain("not taken");
    expect(refusalOf({ name: "a.png", type: "", size: 9 })).toBeNull();
  });

  it("of our server is in its words", () => {
    const body = JSON.stringify({ code: "LIMIT_EXCEEDED", message: "The ticket is for 3 bytes." });
    expect(refusalOfAnswer(413, body)).toMatchObject({ code: "LIMIT_EXCEEDED", message: "The ticket is for 3 bytes." });
    expect(refusalOfAnswer(200, "")).toBeNull();
  });

  it("of an address that has expired says that another try gets a new one", () => {
    const ours = JSON.stringify({ code: "FORBIDDEN", message: "Ask for a new ticket with createUpload." });
    const bucket = '<?xml version="1.0"?><Error><Code>ExpiredRequest</Code></Error>';
    for (const answer of [refusalOfAnswer(403, ours), refusalOfAnswer(403, "<Error/>"), refusalOfAnswer(400, bucket)]) {
      expect(answer).toMatchObject({ code: "FORBIDDEN" });
      expect(answer?.message).toContain("Try again");
    }
  });

  it("of a bucket is a sentence, whatever it answers", () => {
    expect(refusalOfAnswer(503, "<Error><Code>SlowDown</Code></Error>")).toMatchObject({ code: "NETWORK" });
    expect(refusalOfAnswer(413, "")).toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(refusalOfAnswer(400, "null")?.message).toContain("Try again");
  });
});

describe("measures", () => {
  it("are told as people say them", () => {
    expect([0, 7.4, 61, 3661].map(duration)).toEqual(["0:00", "0:07", "1:01", "1:01:01"]);
    expect([900, 2_000, 5_000_000, 3_000_000_000].map(fileSize)).toEqual(["900 bytes", "2 KB", "4.8 MB", "2.79 GB"]);
  });
});
