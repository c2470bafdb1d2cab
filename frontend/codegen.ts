import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: "../graphql/schema.graphql",
  documents: "../graphql/operations/*.graphql",
  generates: {
    "src/gql/": {
      preset: "client",
      // A document's hash is the one in graphql/trusted-documents.json.
      presetConfig: { fragmentMasking: false, persistedDocuments: { hashAlgorithm: "sha256" } },
      config: {
        enumsAsTypes: true,
        useTypeImports: true,
        avoidOptionals: { field: true },
        scalars: { DateTime: "string", BigInt: "number", JSON: "unknown" },
      },
    },
  },
};

export default config;
