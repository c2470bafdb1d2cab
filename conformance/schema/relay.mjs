// Relay's compiler over a project that this script writes from the schema: every connection, paged in both directions
// (@connection, and @refetchable where the type can be fetched again), and every operation of graphql/operations under
// the names that Relay asks for. TypeScript then checks what the compiler wrote.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";

import { buildSchema, getNamedType, isNonNullType, isObjectType, Kind, print, visit } from "graphql";

import { definitions } from "./documents.mjs";
import { BIN, report, ROOT, SCHEMA, scratch, version } from "./report.mjs";

const OUTPUT = scratch();
const SOURCES = join(OUTPUT, "src");
const ARTIFACTS = join(OUTPUT, "artifacts");
const PAGE = { first: "Int", after: "String", last: "Int", before: "String" };
const SUFFIX = { query: "Query", mutation: "Mutation", subscription: "Subscription" };

const schema = buildSchema(readFileSync(join(ROOT, SCHEMA), "utf8"));
const capital = (text) => text[0].toUpperCase() + text.slice(1);
const tagged = (text) => `import { graphql } from "relay-runtime";\ngraphql\`${text.replaceAll("`", "\\`")}\`;\n`;

/** Every field that answers with a connection, and the type that has it. */
function connections() {
  const types = Object.values(schema.getTypeMap()).filter(isObjectType);
  return types.flatMap((type) =>
    Object.values(type.getFields())
      .filter((field) => getNamedType(field.type).name.endsWith("Connection"))
      .map((field) => ({ type, field, module: type.name + capital(field.name) })),
  );
}

/** A module with a fragment that pages through a connection, and a query that spreads it. */
function pagination({ type, field, module }) {
  const isRoot = type === schema.getQueryType();
  const isNode = type.getInterfaces().some(({ name }) => name === "Node");
  const needed = field.args.filter((argument) => isNonNullType(argument.type)).map(({ name, type }) => [name, `${type}`]);
  const args = [...needed, ...Object.entries(PAGE)];
  const refetchable = isRoot || isNode ? `@refetchable(queryName: "${module}PaginationQuery")` : "";
  const fragment = `fragment ${module}_page on ${type.name} ${refetchable}
  @argumentDefinitions(${args.map(([name, kind]) => `${name}: { type: "${kind}" }`).join(" ")}) {
    ${field.name}(${args.map(([name]) => `${name}: $${name}`).join(", ")}) @connection(key: "${module}_${field.name}") {
      edges { cursor node { __typename id } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }`;
  if (!isRoot && !isNode) return fragment;
  const variables = [...needed, ["size", "Int!"], ...(isRoot ? [] : [["id", "ID!"]])];
  const spread = `...${module}_page @arguments(first: $size, ${needed.map(([name]) => `${name}: $${name}`).join(", ")})`;
  const query = `query ${module}Query(${variables.map(([name, kind]) => `$${name}: ${kind}`).join(", ")}) {
    ${isRoot ? spread : `node(id: $id) { ${spread} @alias }`}
  }`;
  return `${fragment}\n${query}`;
}

/**
 * The project's operations, renamed: Relay wants the module's name first and the operation's kind last, and an alias
 * on a fragment that may not apply.
 */
function renamed() {
  const fragment = (name) => ({ kind: Kind.NAME, value: `operations_${name.value}` });
  const alias = { kind: Kind.DIRECTIVE, name: { kind: Kind.NAME, value: "alias" } };
  const aliased = ({ selections, ...set }) => ({
    ...set,
    selections: selections.map((node) => (node.kind === Kind.FRAGMENT_SPREAD ? { ...node, directives: [alias] } : node)),
  });
  return definitions().map((definition) => {
    const changed = visit(definition, {
      FragmentDefinition: (node) => ({ ...node, name: fragment(node.name) }),
      FragmentSpread: (node) => ({ ...node, name: fragment(node.name) }),
      InlineFragment: { leave: ({ selectionSet, ...node }) => ({ ...node, selectionSet: aliased(selectionSet) }) },
    });
    if (definition.kind !== Kind.OPERATION_DEFINITION) return changed;
    const value = `operations${definition.name.value}${SUFFIX[definition.operation]}`;
    return { ...changed, name: { kind: Kind.NAME, value } };
  });
}

mkdirSync(SOURCES);
mkdirSync(ARTIFACTS);
const all = connections();
for (const connection of all) writeFileSync(join(SOURCES, `${connection.module}.ts`), tagged(pagination(connection)));
const documents = renamed();
writeFileSync(join(SOURCES, "operations.ts"), tagged(documents.map(print).join("\n")));
writeFileSync(join(OUTPUT, "schema.graphql"), readFileSync(join(ROOT, SCHEMA), "utf8"));
writeFileSync(
  join(OUTPUT, "relay.config.json"),
  JSON.stringify({
    src: "./src",
    schema: "./schema.graphql",
    artifactDirectory: "./artifacts",
    language: "typescript",
    eagerEsModules: true,
    customScalarTypes: { BigInt: "number", DateTime: "string", JSON: "unknown" },
  }),
);
writeFileSync(
  join(OUTPUT, "tsconfig.json"),
  JSON.stringify({
    compilerOptions: {
      target: "ES2022",
      lib: ["ES2022", "DOM"],
      module: "ESNext",
      moduleResolution: "Bundler",
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      // Relay's own declarations of this version have errors of their own.
      skipLibCheck: true,
      noEmit: true,
      types: [],
    },
    include: ["artifacts/*.ts"],
  }),
);

const run = (name, ...args) => spawnSync(join(BIN, name), args, { cwd: OUTPUT, encoding: "utf8" });
const compiler = run("relay-compiler", "relay.config.json", "--repersist");
const types = compiler.status === 0 ? run("tsc", "--pretty", "false") : { stdout: "" };
process.stderr.write(compiler.stdout + compiler.stderr + types.stdout);

const written = (name) => existsSync(join(ARTIFACTS, `${name}.graphql.ts`));
const operations = documents.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION).map(({ name }) => name.value);
const failed = [
  ...all.filter(({ module }) => !written(`${module}_page`)).map(({ module }) => `connection ${module}`),
  ...operations.filter((name) => !written(name)),
  ...types.stdout.split("\n").filter((line) => line.includes("error TS")),
];
report({ suite: "Relay's compiler", version: version("relay-compiler"), of: all.length + operations.length, failed });
