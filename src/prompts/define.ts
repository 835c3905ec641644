import { isBlank } from "../config/placeholders.ts";
import { AppError } from "../errors.ts";
import { asName, asNames, quote, type Sentence, sentence } from "../lib/shown-text.ts";

export interface PromptArgument {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
}

/** A question that a user selects in the client. Its text names the tools with which the model can answer it. */
export interface PromptDefinition {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly arguments: readonly PromptArgument[];
  /** The user message, with the values in quotes. Throws AppError `invalid_input` for a missing or unknown argument. */
  text(values: Readonly<Record<string, string>>): readonly Sentence[];
}

export interface PromptOptions {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly arguments?: readonly PromptArgument[];
  text(values: Readonly<Record<string, string | undefined>>): readonly Sentence[];
}

export function definePrompt(options: PromptOptions): PromptDefinition {
  const known = options.arguments ?? [];
  return {
    ...options,
    arguments: known,
    text(values) {
      const names = known.map((argument) => argument.name);
      const unknown = Object.keys(values).find((name) => !names.includes(name));
      if (unknown !== undefined) {
        throw new AppError(
          "invalid_input",
          sentence`The prompt ${asName(options.name)} has no argument ${quote(unknown)}.`,
          {
            hint: names.length > 0 ? sentence`Its arguments: ${asNames(names)}.` : "It takes none.",
          },
        );
      }
      const given = Object.fromEntries(Object.entries(values).filter(([, value]) => !isBlank(value)));
      const missing = known.find((argument) => argument.required && given[argument.name] === undefined);
      if (missing)
        throw new AppError(
          "invalid_input",
          sentence`The prompt ${asName(options.name)} needs "${asName(missing.name)}".`,
        );
      return options.text(given);
    },
  };
}

/** A value for a prompt: one line in quotes, so that the model reads it as a name and not as an instruction. */
export function quoted(value: string): Sentence {
  return quote(value.replace(/\s+/g, " ").trim(), 200);
}
