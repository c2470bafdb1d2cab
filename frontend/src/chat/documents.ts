/** The name of a document on a server that runs trusted documents alone, as Apollo's and urql's clients send it. */
interface PersistedQuery {
  version: 1;
  sha256Hash: string;
}

/** GraphQL Code Generator puts the hash on every operation. */
export function persistedQuery(document: object): PersistedQuery {
  return { version: 1, sha256Hash: (document as { __meta__: { hash: string } }).__meta__.hash };
}
