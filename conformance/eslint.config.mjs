// GraphQL-ESLint over the schema and the operations: every rule it has is on, but for those named here with a reason.
// Run from the project's root: npx --prefix conformance eslint --config conformance/eslint.config.mjs graphql
import graphql from "@graphql-eslint/eslint-plugin";

const PREFIX = "@graphql-eslint/";
const CONFIGS = graphql.configs;

const ORDER_MEANS_SOMETHING =
  "The order tells: the id first, what belongs together side by side, phases and states as they follow each other.";

export const SCHEMA_OFF = {
  alphabetize: ORDER_MEANS_SOMETHING,
  "no-root-type": "It forbids mutations and subscriptions, which this API is made of.",
  "require-deprecation-date":
    "It wants an argument that the specification's @deprecated has not; a reason and a replacement are required by tests/api/test_contract.py.",
  "require-field-of-type-query-in-mutation-result":
    "Payloads hold what changed. A way back to every root field would make each mutation's cost and rights those of all queries.",
  "require-nullable-result-in-root":
    "The contract promises clients that connections and payloads are never null; refusals are `errors` of the payload.",
};

export const OPERATIONS_OFF = {
  alphabetize: ORDER_MEANS_SOMETHING,
  "lone-executable-definition": "A file holds the operations of one subject, so that they are read together.",
  "match-document-filename": "A file holds the operations of one subject, and is named after it.",
  "require-import-fragment": "#import is a convention of one bundler; every tool here reads the folder as one document.",
};

// Types that are values or steps of a page: they have no identity of their own, and clients do not keep them by an id.
// Grapple's types for pages come to this list when they are grafted.
const WITHOUT_ID = {
  suffixes: ["Connection", "Edge", "Event", "Payload"],
  types: [
    "GenerationMetadata",
    "Highlight",
    "HttpHeader",
    "MediaMatch",
    "MediaSearch",
    "ModelUsage",
    "PageInfo",
    "Participant",
    "ProjectProgress",
    "ProjectSettings",
    "RelatedElements",
    "SpentTokens",
    "SubscriptionPlan",
    "TechnicalData",
    "TokenUsage",
    "Usage",
    "UserError",
    "UserUsage",
    "Workflow",
  ],
};

const SCHEMA_RULES = {
  "strict-id-in-types": ["error", { exceptions: WITHOUT_ID }],
  // Short lists of a fixed size limit (collaborators, tags) are plain lists, as Relay has them too.
  "relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false }],
  "require-description": [
    "error",
    {
      types: true,
      rootField: true,
      DirectiveDefinition: true,
      EnumValueDefinition: true,
      FieldDefinition: true,
      InputValueDefinition: true,
    },
  ],
  // Where only trusted documents are run, a field that no operation reads cannot be read.
  "no-unused-fields": [
    "error",
    {
      ignoredFieldSelectors: [
        // Read through their interface.
        "[parent.name.value=/Event$/][name.value=/^(seq|at)$/]",
        "[parent.name.value=/Edge$/][name.value=cursor]",
      ],
    },
  ],
};

const OPERATION_RULES = {
  // A comment above each operation says what it is for.
  "require-description": ["error", { OperationDefinition: true }],
};

const named = (rules) => Object.fromEntries(Object.entries(rules).map(([name, value]) => [PREFIX + name, value]));
const off = (reasons) => named(Object.fromEntries(Object.keys(reasons).map((name) => [name, "off"])));

const languageOptions = {
  parser: graphql.parser,
  parserOptions: {
    graphQLConfig: { schema: "graphql/schema.graphql", documents: "graphql/operations/*.graphql" },
  },
};
const plugins = { "@graphql-eslint": graphql };

// The package's presets as they come, without an exception of ours: what other schemas are measured with.
export const PRESETS = [
  {
    files: ["graphql/schema.graphql"],
    languageOptions,
    plugins,
    rules: {
      ...CONFIGS["flat/schema-recommended"].rules,
      ...CONFIGS["flat/schema-all"].rules,
      ...CONFIGS["flat/schema-relay"].rules,
    },
  },
];

export default [
  {
    files: ["graphql/schema.graphql"],
    languageOptions,
    plugins,
    rules: {
      ...PRESETS[0].rules,
      ...named(SCHEMA_RULES),
      ...off(SCHEMA_OFF),
    },
  },
  {
    files: ["graphql/operations/*.graphql"],
    languageOptions,
    plugins,
    rules: {
      ...CONFIGS["flat/operations-recommended"].rules,
      ...CONFIGS["flat/operations-all"].rules,
      ...named(OPERATION_RULES),
      ...off(OPERATIONS_OFF),
    },
  },
  // The last release is there to be compared with; its findings were those of its own time.
  { ignores: ["graphql/released/**"] },
];
