import { presenceWords } from "./presence";
import type { Person } from "./types";

/** Who else is here and who is typing; nothing where one is alone. */
export function PresenceLine({ people, userId }: { people: readonly Person[]; userId: string }) {
  return (
    <p className="chat-presence" data-testid="presence" role="status">
      {presenceWords(people, userId)}
    </p>
  );
}
