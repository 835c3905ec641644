/** The Prefect servers of `bun run test:versions`. */
import { PREFECT, type PythonEnvironment } from "./python.ts";

export interface PrefectVariant {
  readonly name: string;
  readonly python: PythonEnvironment;
  readonly hasPostgres?: boolean;
  readonly basePath?: string;
  /** Test files that run against it. */
  readonly files: readonly string[];
}

/** What every supported server has to pass. The questions of `filters` are those of the newest versions. */
const LANE = ["./test/real/any-version.test.ts", "./test/real/main-job.test.ts"];
const NEWEST = [...LANE, "./test/real/filters.test.ts"];

/** Older versions of what Prefect itself does not pin: newer ones break these servers at import or in their scheduler. */
const pinned = (prefect: string, libraries: readonly [string, string, string, string] | null): PythonEnvironment => {
  const names = ["fastapi", "starlette", "pydantic", "sqlalchemy"];
  const pins = (libraries ?? []).map((version, index) => `${names[index]}==${version}`);
  // Workers of these versions import it without requiring it.
  const missing = libraries === null ? [] : ["importlib_metadata<11"];
  return { folder: `.venvs/${prefect}`, pins: [`prefect==${prefect}`, ...pins, ...missing] };
};

export const VARIANTS: readonly PrefectVariant[] = [
  { name: "3.9.1", python: pinned("3.9.1", null), files: NEWEST },
  { name: "3.8.8", python: PREFECT, files: NEWEST },
  { name: "3.8.8-postgresql", python: PREFECT, hasPostgres: true, files: [...LANE, "./test/real/event-ties.test.ts"] },
  { name: "3.8.8-base-path", python: PREFECT, basePath: "/prefect/v3", files: LANE },
  { name: "3.6.29", python: pinned("3.6.29", ["0.136.3", "1.2.1", "2.13.4", "2.0.50"]), files: LANE },
  { name: "3.4.25", python: pinned("3.4.25", ["0.122.0", "0.50.0", "2.12.4", "2.0.44"]), files: LANE },
  { name: "3.2.15", python: pinned("3.2.15", ["0.115.12", "0.46.2", "2.11.3", "2.0.40"]), files: LANE },
  { name: "3.0.11", python: pinned("3.0.11", ["0.115.4", "0.41.2", "2.9.2", "2.0.36"]), files: LANE },
  {
    name: "2.20.27",
    python: pinned("2.20.27", ["0.115.4", "0.41.2", "2.9.2", "2.0.35"]),
    files: ["./test/real/prefect-2.ts"],
  },
];
