/** The Prefect servers of `bun run test:versions`, some of which `bun run test` plays, too. */
import { startPostgres } from "./postgres.ts";
import { PREFECT, type PythonEnvironment, preparePython } from "./python.ts";

export interface PrefectVariant {
  readonly name: string;
  readonly python: PythonEnvironment;
  readonly hasPostgres?: boolean;
  readonly basePath?: string;
  /** Test files that run against it. */
  readonly files: readonly string[];
  /** Those of them that `bun run test` runs. */
  readonly everyTime?: readonly string[];
}

const ANY_VERSION = "./test/real/any-version.test.ts";
const EVENT_TIES = "./test/real/event-ties.test.ts";
const MAIN_JOB = "./test/real/main-job.test.ts";
/** What every supported server has to pass. */
const EVERY = [ANY_VERSION, EVENT_TIES, MAIN_JOB, "./test/real/filters.test.ts"];

/** Older versions of what Prefect itself does not pin: newer ones break these servers at import or in their scheduler. */
const pinned = (prefect: string, libraries: readonly [string, string, string, string] | null): PythonEnvironment => {
  const names = ["fastapi", "starlette", "pydantic", "sqlalchemy"];
  const pins = (libraries ?? []).map((version, index) => `${names[index]}==${version}`);
  // Workers of these versions import it without requiring it.
  const missing = libraries === null ? [] : ["importlib_metadata<11"];
  return { folder: `.venvs/${prefect}`, pins: [`prefect==${prefect}`, ...pins, ...missing] };
};

export const VARIANTS: readonly PrefectVariant[] = [
  { name: "3.9.1", python: { ...pinned("3.9.1", null), leastMinor: 11 }, files: EVERY, everyTime: [ANY_VERSION] },
  { name: "3.8.8", python: PREFECT, files: EVERY },
  {
    name: "3.8.8-postgresql",
    python: PREFECT,
    hasPostgres: true,
    files: EVERY,
    everyTime: [EVENT_TIES, ANY_VERSION],
  },
  // The path concerns requests, of which these two make every kind.
  { name: "3.8.8-base-path", python: PREFECT, basePath: "/prefect/v3", files: [ANY_VERSION, MAIN_JOB] },
  { name: "3.6.29", python: pinned("3.6.29", ["0.136.3", "1.2.1", "2.13.4", "2.0.50"]), files: EVERY },
  { name: "3.4.25", python: pinned("3.4.25", ["0.122.0", "0.50.0", "2.12.4", "2.0.44"]), files: EVERY },
  { name: "3.2.15", python: pinned("3.2.15", ["0.115.12", "0.46.2", "2.11.3", "2.0.40"]), files: EVERY },
  { name: "3.0.11", python: pinned("3.0.11", ["0.115.4", "0.41.2", "2.9.2", "2.0.36"]), files: EVERY },
  {
    name: "2.20.27",
    python: pinned("2.20.27", ["0.115.4", "0.41.2", "2.9.2", "2.0.35"]),
    files: ["./test/real/prefect-2.ts"],
  },
];

/** A variant that is ready for tests: the variables that say which Prefect they use (`test/support/real-prefect/target.ts`). */
export interface ReadyVariant {
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Installs what a variant needs, with a limit of time for each download. A reason where that is not possible. */
export async function prepareVariant(
  root: string,
  { python, basePath, hasPostgres }: PrefectVariant,
  say: (line: string) => void,
  limitMs?: number,
): Promise<ReadyVariant | { readonly reason: string }> {
  const setup = await preparePython(root, python, say, limitMs);
  if (!setup.ready) return { reason: setup.reason };
  try {
    const postgres = hasPostgres ? await startPostgres(root) : null;
    const env = {
      REAL_PREFECT_VENV: python.folder,
      ...(basePath === undefined ? {} : { REAL_PREFECT_BASE_PATH: basePath }),
      ...(postgres === null ? {} : { REAL_PREFECT_POSTGRES: postgres.url }),
    };
    return { env, stop: async () => postgres?.stop() };
  } catch (error) {
    return { reason: String(error) };
  }
}
