import { describe, expect, it } from "vitest";

import { presenceWords } from "./presence";

const person = (name: string, typing = false) => ({ user: { id: name, name }, typing });

describe("presenceWords", () => {
  it.each([
    [["Me"], null],
    [["Me", "Ana"], "Ana is here"],
    [["Ana", "Me", "Carl", "Dora"], "Ana, Carl and Dora are here"],
    [["Me", "Ana", "Carl…"], "Ana is here · Carl is typing…"],
    [["Me…", "Carl…", "Dora…"], "Carl and Dora are typing…"],
  ])("%j: %s", (names, words) => {
    const people = names.map((name) => person(name.replace("…", ""), name.endsWith("…")));
    expect(presenceWords(people, "Me")).toBe(words);
  });
});
