// The operations, and what GraphQL Code Generator's client preset makes of them.
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

import { generate } from "@graphql-codegen/cli";
import { preset } from "@graphql-codegen/client-preset";
import { Kind, parse } from "graphql";

import { OPERATIONS, ROOT, SCHEMA } from "./report.mjs";

// How the API's own scalars look in JSON.
const SCALARS = { BigInt: "number", DateTime: "string", ID: "string", JSON: "unknown" };

/** The definitions of all files in graphql/operations, in the files' order. */
export function definitions() {
  const folder = join(ROOT, "graphql/operations");
  const files = readdirSync(folder).filter((name) => name.endsWith(".graphql")).sort();
  return files.flatMap((name) => parse(readFileSync(join(folder, name), "utf8"), { noLocation: true }).definitions);
}

/** The operations alone. */
export const operations = () => definitions().filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);

/**
 * The files of the client preset by name, not yet written. Each document carries the hash of its trusted document, as
 * `__meta__.hash`. `output` is the folder that they are meant for.
 */
export async function clientPreset(output, presetConfig = {}) {
  const files = await generate(
    {
      cwd: ROOT,
      silent: true,
      errorsOnly: true,
      schema: SCHEMA,
      documents: OPERATIONS,
      generates: {
        [`${output}/`]: {
          preset,
          presetConfig: { ...presetConfig, persistedDocuments: { hashAlgorithm: "sha256", mode: "embedHashInDocument" } },
          config: { scalars: SCALARS, strictScalars: true, useTypeImports: true },
        },
      },
    },
    false,
  );
  return new Map(files.map(({ filename, content }) => [basename(filename), content]));
}
