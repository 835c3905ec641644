import { createConfirmations } from "../../acting/confirmations.ts";
import { withFields } from "../../lib/logger.ts";
import { AccountBudgets } from "../account-budgets.ts";
import { type App, type AppOptions, openApp } from "../app.ts";
import { WorkspaceDirectory } from "./workspace-directory.ts";

export interface WorkspacesOptions extends AppOptions {
  /** See `DirectoryOptions`. */
  readonly isRestricted?: boolean;
}

/** The active workspace, and what finds the others. Both have to be disposed of. */
export function openDirectory(given: WorkspacesOptions): { active: App; directory: WorkspaceDirectory } {
  const { settings, clock, isRestricted = false } = given;
  const options = {
    ...given,
    confirmations: given.confirmations ?? createConfirmations(clock),
    accounts: given.accounts ?? new AccountBudgets(clock),
  };
  const active = openApp({ ...options, offersProfiles: !isRestricted });
  const directory = new WorkspaceDirectory({
    settings,
    active,
    open: (source, name) => {
      const logger = withFields(options.logger, { workspace: name });
      return openApp({ ...options, settings: source, label: name, logger });
    },
    isRestricted,
    clock,
    logger: active.logger,
  });
  return { active, directory };
}

/** The application of the active workspace, whose calls can name the other workspaces of the settings. */
export function openWorkspaces(options: WorkspacesOptions): App {
  const { active, directory } = openDirectory(options);
  const follow = active.follow.bind(active);
  const dispose = active[Symbol.asyncDispose].bind(active);
  return Object.assign(active, {
    workspaces: directory,
    follow() {
      follow();
      directory.follow();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([dispose(), directory[Symbol.asyncDispose]()]);
    },
  });
}
