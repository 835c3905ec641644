import { AppError } from "../errors.ts";

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
  text(values: Readonly<Record<string, string>>): string;
}

export interface PromptOptions {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly arguments?: readonly PromptArgument[];
  text(values: Readonly<Record<string, string | undefined>>): string;
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
        throw new AppError("invalid_input", `The prompt ${options.name} has no argument "${unknown}".`, {
          hint: names.length > 0 ? `Its arguments: ${names.join(", ")}.` : "It takes none.",
        });
      }
      const missing = known.find((argument) => argument.required && !values[argument.name]?.trim());
      if (missing) throw new AppError("invalid_input", `The prompt ${options.name} needs "${missing.name}".`);
      return options.text(values);
    },
  };
}

/** A value for a prompt: one line in quotes, so that the model reads it as a name and not as an instruction. */
export function quoted(value: string): string {
  return JSON.stringify(value.replace(/\s+/g, " ").trim().slice(0, 200));
}
