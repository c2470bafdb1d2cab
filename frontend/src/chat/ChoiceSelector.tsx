import type { Choice } from "./types";

const MAX_CARDS = 4;

interface ChoiceSelectorProps {
  choices: Choice[];
  disabled: boolean;
  /** The director is answering: on a small screen the reply gets the room. */
  answering: boolean;
  /** Something is typed or attached: it goes along with a choice. */
  hasDraft: boolean;
  overriding: boolean;
  onSelect: (choice: Choice) => void;
  onOverride: () => void;
}

export function ChoiceSelector({
  choices,
  disabled,
  answering,
  hasDraft,
  overriding,
  onSelect,
  onOverride,
}: ChoiceSelectorProps) {
  if (choices.length === 0) return null;
  const cards = choices.filter((choice) => !choice.isManualOverride).slice(0, MAX_CARDS);
  return (
    <section className={`choices${answering ? " choices-waiting" : ""}`} data-testid="choices" aria-labelledby="choices-title">
      <h2 id="choices-title">What would you like to do next?</h2>
      <p className="choices-hint">
        Choose from the options below or manually override
        {hasDraft && ". What you have typed or attached is sent with your choice"}
      </p>
      <ol className="choice-cards">
        {cards.map((choice, index) => (
          <li key={choice.id}>
            <ChoiceCard choice={choice} number={index + 1} disabled={disabled} onSelect={onSelect} />
          </li>
        ))}
        <li className="choice-override">
          <button
            type="button"
            className="choice-card choice-card-override"
            data-testid="manual-override"
            disabled={disabled}
            aria-pressed={overriding}
            onClick={onOverride}
          >
            <span className="choice-icon" aria-hidden="true">
              ✏️
            </span>
            <span className="choice-text">
              <span className="choice-title">Manual Override</span>
              <span className="choice-description">Take full control of the next step</span>
            </span>
          </button>
        </li>
      </ol>
    </section>
  );
}

interface ChoiceCardProps {
  choice: Choice;
  number: number;
  disabled: boolean;
  onSelect: (choice: Choice) => void;
}

function ChoiceCard({ choice, number, disabled, onSelect }: ChoiceCardProps) {
  return (
    <button
      type="button"
      className={`choice-card${choice.isRecommended ? " choice-card-recommended" : ""}`}
      data-testid="choice-card"
      data-slug={choice.slug}
      disabled={disabled}
      onClick={() => onSelect(choice)}
    >
      <span className="choice-number">{number}</span>
      <span className="choice-text">
        <span className="choice-title">
          {choice.title}
          {choice.isRecommended && <span className="tag">Recommended</span>}
        </span>
        <span className="choice-description">{choice.description}</span>
        {choice.estimatedTime && <span className="choice-time">Estimated time: {choice.estimatedTime}</span>}
      </span>
      {choice.icon && (
        <span className="choice-icon" aria-hidden="true">
          {choice.icon}
        </span>
      )}
    </button>
  );
}
