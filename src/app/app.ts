/** The application: settings → instance (record, API, Worker) → tools. One per process over stdio, one per tenant over HTTP. */

import { type Confirmations, createConfirmations } from "../acting/confirmations.ts";
import type { ResolvedSettings } from "../config/settings.ts";
import type { AppError } from "../errors.ts";
import type { HeldLease } from "../fleet/fleet.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import type { Sentence } from "../lib/shown-text.ts";
import type { CallResult } from "../mcp/call-result.ts";
import { createResourceWatch, type ResourceWatch } from "../mcp/resource-watch.ts";
import { TaskStore } from "../mcp/tasks/task-store.ts";
import type { Tenant } from "../mcp/tenant.ts";
import { createRedactor, type Redact } from "../model/secrets/redact.ts";
import { redactLogger } from "../model/secrets/redact-logger.ts";
import type { AnswerBudget } from "../prefect/transport/answer-budget.ts";
import type { QueryContext } from "../queries/source/context.ts";
import type { ChangeNotice } from "../sync/context/changes.ts";
import type { ToolDefinition } from "../tools/definition/define-tool.ts";
import { inputSchema } from "../tools/definition/listing.ts";
import { offeredTools } from "../tools/index.ts";
import { AccountBudgets } from "./account-budgets.ts";
import { createInstance, type Instance } from "./instance.ts";
import { fatalProblem, type SettingsSource } from "./settings-source.ts";
import { toolProblems } from "./tool-settings.ts";
import type { WriterStarts } from "./writer-starts.ts";

export interface AppOptions {
  readonly settings: SettingsSource;
  /** The file that the Worker runs: `main.ts`, its bundle or the compiled binary. */
  readonly entry: string;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Names this application in the Worker's log, for processes that have several. */
  readonly label?: string;
  /** Memory that the answers of callers' Prefects may use together while they are read. */
  readonly answerBudget?: AnswerBudget;
  /** Shared by the applications of one process, so that a confirmation outlives the application that gave it. */
  readonly confirmations?: Confirmations;
  /** In a fleet: the lease under which records are written. */
  readonly lease?: HeldLease;
  /** In a fleet: why no record is read or written. */
  readonly liveOnly?: Sentence;
  /** Shared by the applications of one process: Prefect counts the requests of all workspaces of an account together. */
  readonly accounts?: AccountBudgets;
  /** Shared by the applications of a server with many tenants. */
  readonly starts?: WriterStarts;
  /** Calls can name each profile as their workspace. */
  readonly offersProfiles?: boolean;
  /** Longest wait for the Worker to finish when the application ends. */
  readonly stopWithinMs?: number;
}

export interface App extends Tenant, AsyncDisposable {
  readonly settings: ResolvedSettings;
  readonly watch: ResourceWatch;
  /** Starts following Prefect, and checking periodically whether the settings have changed. */
  follow(): void;
  /** The listener is called after each commit of the Worker. Returns the function that ends this. */
  onChange(listener: (change: ChangeNotice) => void): () => void;
}

const POLL_SETTINGS_MS = 2000;
const STOP_WITHIN_MS = 4_000;

export function openApp(options: AppOptions): App {
  return new Application(options);
}

class Application implements App {
  readonly version: string;
  readonly logger: Logger;
  readonly watch: ResourceWatch;
  readonly tasks: TaskStore<CallResult>;
  private readonly options: AppOptions;
  private readonly ending = new AbortController();
  private readonly toolListeners = new Set<() => void>();
  private readonly changeListeners = new Set<(change: ChangeNotice) => void>();
  private readonly closing = new Set<Promise<void>>();
  private resolved: ResolvedSettings | null = null;
  private instance: Instance | null = null;
  private problem: AppError | null = null;
  private offered: readonly ToolDefinition[] = [];
  private readonly warned = new Set<string>();
  private isFollowing = false;
  private readonly confirmations: Confirmations;
  private readonly accounts: AccountBudgets;

  constructor(options: AppOptions) {
    this.options = options;
    this.version = options.version;
    this.confirmations = options.confirmations ?? createConfirmations(options.clock);
    this.accounts = options.accounts ?? new AccountBudgets(options.clock);
    this.tasks = new TaskStore({ clock: options.clock });
    const known = createRedactor({ credentials: [] });
    this.logger = redactLogger(options.logger, {
      text: (text) => (this.redact ?? known).text(text),
      object: (value) => (this.redact ?? known).object(value),
    });
    this.watch = createResourceWatch({
      record: () => this.instance?.query.record() ?? null,
      onChange: (listener) => this.onChange(listener),
      clock: options.clock,
      signal: this.ending.signal,
    });
    this.refreshSettings();
  }

  get settings(): ResolvedSettings {
    return this.refreshSettings();
  }

  get isCloud(): boolean {
    return this.refreshSettings().settings.isCloud;
  }

  get redact(): Redact | null {
    return this.instance?.redact ?? null;
  }

  tools(): readonly ToolDefinition[] {
    this.refreshSettings();
    return this.offered;
  }

  query(): QueryContext {
    this.refreshSettings();
    if (!this.instance) throw this.problem;
    this.instance.worker.markClientActive();
    return this.instance.query;
  }

  follow(): void {
    if (this.isFollowing) return;
    this.isFollowing = true;
    this.followInstance();
    void this.pollSettings();
  }

  onToolsChanged(notify: () => void): () => void {
    this.toolListeners.add(notify);
    return () => void this.toolListeners.delete(notify);
  }

  onChange(listener: (change: ChangeNotice) => void): () => void {
    this.changeListeners.add(listener);
    return () => void this.changeListeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ending.abort();
    this.tasks.close();
    this.closeInstance();
    await Promise.all(this.closing);
  }

  /** Applies the current settings. Costs nothing while no file has changed. */
  private refreshSettings(): ResolvedSettings {
    const resolved = this.options.settings.current();
    if (resolved === this.resolved || this.ending.signal.aborted) return resolved;
    const before = this.resolved;
    this.resolved = resolved;
    this.reportProblems(resolved, before);
    this.problem = fatalProblem(resolved.problems);
    const isSame = this.instance !== null && Bun.deepEquals(this.instance.settings, resolved.settings);
    if (this.problem || !isSame) this.closeInstance();
    if (!this.problem && !this.instance) this.openInstance(resolved);
    this.updateTools(resolved);
    return resolved;
  }

  private reportProblems(resolved: ResolvedSettings, before: ResolvedSettings | null): void {
    const known = new Set(before?.problems.map((problem) => problem.message));
    for (const { level, message, where, fix } of resolved.problems.filter((problem) => !known.has(problem.message))) {
      if (level === "fatal") this.logger.error(message, { where, fix });
      else this.logger.warn(message, { where, fix });
    }
    if (before && fatalProblem(before.problems) && !fatalProblem(resolved.problems))
      this.logger.info("the settings are valid again");
  }

  private openInstance(resolved: ResolvedSettings): void {
    const { entry, version, clock, logger, label, answerBudget, lease, liveOnly, starts } = this.options;
    const onChange = (change: ChangeNotice) => {
      for (const listener of this.changeListeners) listener(change);
    };
    this.instance = createInstance({
      settings: resolved.settings,
      confirmations: this.confirmations,
      account: this.accounts.of(resolved.settings),
      entry,
      version,
      clock,
      logger,
      onChange,
      ...(label === undefined ? {} : { label }),
      ...(answerBudget === undefined ? {} : { answerBudget }),
      ...(lease === undefined ? {} : { lease }),
      ...(starts === undefined ? {} : { starts }),
      ...(liveOnly === undefined ? {} : { liveOnly }),
    });
    if (this.isFollowing) this.followInstance();
  }

  private followInstance(): void {
    if (this.instance?.settings.sync.enabled) this.instance.worker.follow();
  }

  private closeInstance(): void {
    const { instance } = this;
    this.instance = null;
    if (!instance) return;
    const closed = instance
      .close(this.options.stopWithinMs ?? STOP_WITHIN_MS)
      .finally(() => this.closing.delete(closed));
    this.closing.add(closed);
  }

  private updateTools(resolved: ResolvedSettings): void {
    const isCloud = resolved.settings.isCloud || this.hasCloudProfile(resolved);
    const offered = offeredTools({ ...resolved.settings, isCloud });
    for (const { message, where, fix } of toolProblems(resolved.settings)) {
      if (this.warned.has(message)) continue;
      this.warned.add(message);
      this.logger.warn(message, { where, fix });
    }
    const isSame = Bun.deepEquals(offered.map(listedAs), this.offered.map(listedAs));
    this.offered = offered;
    if (!isSame) for (const notify of this.toolListeners) notify();
  }

  /** A call can name another profile as its workspace, so that tools for Prefect Cloud are of use. */
  private hasCloudProfile({ profiles }: ResolvedSettings): boolean {
    const { settings, offersProfiles = false } = this.options;
    return offersProfiles && profiles.some((name) => settings.ofProfile?.(name).settings.isCloud === true);
  }

  private async pollSettings(): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted) {
      await this.options.clock.sleep(POLL_SETTINGS_MS, signal);
      this.refreshSettings();
    }
  }
}

/** The arguments of tools that change something follow from the settings. */
function listedAs(tool: ToolDefinition): string {
  return tool.isActing ? `${tool.name} ${JSON.stringify(inputSchema(tool))}` : tool.name;
}
