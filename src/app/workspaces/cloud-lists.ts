import { type AppError, toAppError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import { NEVER_MS, type SteadyMs } from "../../lib/time.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import { readCloudWorkspaces } from "../../queries/workspace/cloud-workspaces.ts";
import { cloudWorkspaceOf, type KnownWorkspace } from "./known-workspaces.ts";

/** A list that is younger is not read again, unless a name is not in it. */
const FRESH_MS = 300_000;
/** After a failure, or for a name that is in no list, Prefect Cloud is asked again after this time. */
const RETRY_MS = 5_000;

interface CloudList {
  workspaces: readonly KnownWorkspace[];
  error: AppError | null;
  readMs: SteadyMs;
  reading: Promise<void> | null;
  /** The settings with which it was read: with another key it is another list. */
  readonly settings: ReturnType<KnownWorkspace["settings"]>;
}

/** What the keys of the known workspaces see on Prefect Cloud. */
export class CloudLists {
  private readonly clock: Clock;
  private readonly queryOf: (owner: KnownWorkspace) => QueryContext;
  private readonly lists = new Map<string, CloudList>();

  constructor(clock: Clock, queryOf: (owner: KnownWorkspace) => QueryContext) {
    this.clock = clock;
    this.queryOf = queryOf;
  }

  /** One workspace for each key that may see several. */
  ownersAmong(known: readonly KnownWorkspace[]): readonly KnownWorkspace[] {
    const keys = new Set<string>();
    return known.filter((one) => {
      const { isCloud, auth } = one.settings().settings;
      if (!isCloud || auth.kind !== "key") return false;
      const key = `${URL.parse(one.apiUrl)?.origin} ${auth.key}`;
      return !keys.has(key) && keys.add(key);
    });
  }

  /** What was read before. */
  recent(owner: KnownWorkspace): Pick<CloudList, "workspaces" | "error"> {
    return this.listOf(owner);
  }

  /** Reads the list where it is old, or older than `RETRY_MS` with `again`. Errors are in the result. */
  async read(
    owner: KnownWorkspace,
    signal: AbortSignal,
    again: boolean,
  ): Promise<Pick<CloudList, "workspaces" | "error">> {
    const list = this.listOf(owner);
    const ageMs = this.clock.steadyMs() - list.readMs;
    if (ageMs < (list.error || again ? RETRY_MS : FRESH_MS)) return list;
    // Others wait for the same reading, so the end of one call does not end it.
    list.reading ??= this.fill(owner, list).finally(() => {
      list.reading = null;
    });
    await Promise.race([
      list.reading,
      new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true })),
    ]);
    return list;
  }

  private async fill(owner: KnownWorkspace, list: CloudList): Promise<void> {
    try {
      const seen = await readCloudWorkspaces(this.queryOf(owner), new AbortController().signal);
      const before = new Map(list.workspaces.map((one) => [one.key, one]));
      list.workspaces = seen.map((one) => {
        const made = cloudWorkspaceOf(owner, one);
        const known = before.get(made.key);
        return known?.name === made.name ? known : made;
      });
      list.error = null;
    } catch (error) {
      list.error = toAppError(error);
    }
    list.readMs = this.clock.steadyMs();
  }

  private listOf(owner: KnownWorkspace): CloudList {
    const settings = owner.settings();
    const known = this.lists.get(owner.key);
    if (known?.settings === settings) return known;
    const made: CloudList = { workspaces: [], error: null, readMs: NEVER_MS, reading: null, settings };
    this.lists.set(owner.key, made);
    return made;
  }
}
