/** What a client's present entry passes to the server, seen from a new run of `setup`. Pure. */
import { flagsIn, keptWords, NO_WORDS } from "./kept-words.ts";
import type { KnownEntry } from "./known-entry.ts";
import type { PresentLaunch } from "./launch.ts";

type Values = Readonly<Record<string, string>>;

/** Flags and variables that say which Prefect is asked, and with which credential. */
const FLAGS = ["profile", "api-url"];
const VARIABLES = /^PREFECT_(PROFILE|API_URL|API_KEY|API_AUTH_STRING|CLIENT_CUSTOM_HEADERS)$/;

export interface Present extends PresentLaunch {
  /** Setting flags of the entry that stay, without dashes. */
  readonly flags: Values;
  /** Variables that are taken out of the entry. */
  readonly droppedVariables: readonly string[];
  /** Whether the entry itself says which Prefect is asked. */
  readonly isNaming: boolean;
}

/** `asked`: the setting flags of the command line. Where they name a Prefect, what the entry says about it does not count any more. */
export function presentLaunch(entry: KnownEntry | null, asked: Values): Present {
  const words = entry === null ? NO_WORDS : keptWords(entry);
  const isOtherPrefect = FLAGS.some((flag) => flag in asked);
  const dropped = new Set(isOtherPrefect ? FLAGS : []);
  const all = Object.entries(entry?.env ?? {});
  const env = Object.fromEntries(all.filter(([name]) => !isOtherPrefect || !VARIABLES.test(name)));
  const flags = Object.fromEntries(Object.entries(flagsIn(words.ofProgram)).filter(([flag]) => !dropped.has(flag)));
  const isNaming = FLAGS.some((flag) => flag in flags) || Object.keys(env).some((name) => VARIABLES.test(name));
  const droppedVariables = all.map(([name]) => name).filter((name) => !(name in env));
  return { words, env, flags, dropped, droppedVariables, isNaming };
}

export function withoutPrefect(env: Values): Values {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !VARIABLES.test(name)));
}
