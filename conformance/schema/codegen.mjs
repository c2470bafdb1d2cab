// GraphQL Code Generator's client preset over schema and operations, and TypeScript's strictest checks over what it
// wrote and over graphql/operations.ts. An operation passes where its document, variables and result are typed.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";

import { clientPreset, operations } from "./documents.mjs";
import { BIN, report, ROOT, scratch, version } from "./report.mjs";

const OUTPUT = scratch();
const KIND = { query: "Query", mutation: "Mutation", subscription: "Subscription" };

const TSCONFIG = {
  compilerOptions: {
    target: "ES2022",
    lib: ["ES2022", "DOM"],
    module: "ESNext",
    moduleResolution: "Bundler",
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noImplicitOverride: true,
    noPropertyAccessFromIndexSignature: true,
    noUnusedLocals: true,
    verbatimModuleSyntax: true,
    isolatedModules: true,
    noEmit: true,
    types: [],
  },
  include: ["*.ts"],
};

/** A module that uses each operation's document as a client does; `any` is no type. */
function usage(names, from) {
  const lines = names.map(
    ({ name, kind }) =>
      `export const use${name}: Typed<api.${name}${kind}, api.${name}${kind}Variables> = api.${name}Document;`,
  );
  return `import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import * as api from "${from}";
type Typed<Result, Variables> = 0 extends 1 & Result ? never : 0 extends 1 & Variables ? never : TypedDocumentNode<Result, Variables>;
${lines.join("\n")}
`;
}

const names = operations().map(({ name, operation }) => ({ name: name.value, kind: KIND[operation] }));
for (const [name, text] of await clientPreset("generated")) writeFileSync(join(OUTPUT, name), text);
writeFileSync(join(OUTPUT, "operations.ts"), readFileSync(join(ROOT, "graphql/operations.ts"), "utf8"));
writeFileSync(join(OUTPUT, "use-preset.ts"), usage(names, "./graphql"));
writeFileSync(join(OUTPUT, "use-operations.ts"), usage(names, "./operations"));
writeFileSync(join(OUTPUT, "tsconfig.json"), JSON.stringify(TSCONFIG));

const { stdout } = spawnSync(join(BIN, "tsc"), ["-p", OUTPUT, "--pretty", "false"], { encoding: "utf8" });
process.stderr.write(stdout);
const failed = stdout.split("\n").filter((line) => line.includes("error TS"));

// The same files make the same trusted documents here and in Python.
const trusted = JSON.parse(readFileSync(join(ROOT, "graphql/trusted-documents.json"), "utf8"));
const persisted = JSON.parse(readFileSync(join(OUTPUT, "persisted-documents.json"), "utf8"));
for (const [hash, text] of Object.entries(persisted)) {
  if (trusted[hash.replace("sha256:", "")] !== text) failed.push(`No trusted document: ${text}`);
}
report({
  suite: "GraphQL Code Generator and tsc --strict",
  version: version("@graphql-codegen/client-preset"),
  of: names.length,
  failed,
});
