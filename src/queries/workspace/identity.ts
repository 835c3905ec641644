/** The Prefect server, and on Cloud its account, workspace and user. Parts that cannot be read are left out with a note. */

import { toAppError } from "../../errors.ts";
import { asName, type Sentence, sentence } from "../../lib/shown-text.ts";
import type { Freshness } from "../../model/freshness.ts";
import { isOlderVersion, LEAST_VERSION } from "../../model/prefect-version.ts";
import { cloudIds } from "../../prefect/cloud.ts";
import { unsupportedVersion } from "../../prefect/older-servers/server-version.ts";
import { findFact } from "../../store/sync-state.ts";
import { answerWhole } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";

export interface Identity {
  readonly api_url: string;
  readonly kind: "server" | "cloud";
  readonly version?: string;
  readonly ui_url?: string;
  readonly account_id?: string;
  readonly workspace_id?: string;
  /** Facts of Cloud's account, workspace and user, named as in Prefect's own MCP server. Absent where access was refused. */
  readonly [fact: string]: unknown;
}

export async function getIdentity(
  ctx: QueryContext,
  fresh: boolean | undefined,
): Promise<{ identity: Identity; freshness: Freshness }> {
  const db = ctx.record();
  const instance = db ? findFact(db, "instance") : null;
  const isCloud = cloudIds(ctx.instance) !== null;
  // A server of an unsupported version may have been upgraded since it was asked.
  const isRecorded = isCloud || !instance?.version ? false : !isOlderVersion(instance.version, LEAST_VERSION);
  const contactUs = db ? (findFact(db, "connection")?.lastContactUs ?? null) : null;
  const { value, freshness } = await answerWhole<Identity>(
    ctx,
    { what: "facts", fresh, readUs: isRecorded ? contactUs : null },
    {
      record: () => describe(ctx, { ...(instance?.version ? { version: instance.version } : {}) }),
      live: async (live) => {
        const read = isCloud ? await readCloud(live) : { facts: { version: await readVersion(live) }, notes: [] };
        return { value: describe(ctx, read.facts), notes: read.notes };
      },
      isEmpty: () => !isRecorded,
    },
  );
  return { identity: value, freshness };
}

async function readVersion(live: LiveReader): Promise<string> {
  const version = await live.api.readVersion(live.options());
  if (isOlderVersion(version, LEAST_VERSION)) throw unsupportedVersion(version);
  return version;
}

function describe(ctx: QueryContext, facts: Readonly<Record<string, unknown>>): Identity {
  const ids = cloudIds(ctx.instance);
  const known = Object.entries(facts).filter(([, value]) => value !== null && value !== undefined);
  return {
    api_url: ctx.instance,
    kind: ids ? "cloud" : "server",
    ...(ctx.uiUrl ? { ui_url: ctx.uiUrl } : {}),
    ...(ids ? { account_id: ids.accountId, workspace_id: ids.workspaceId } : {}),
    ...Object.fromEntries(known),
  };
}

const ACCOUNT_FACTS = [
  "plan_type",
  "plan_tier",
  "features",
  "automations_limit",
  "work_pool_limit",
  "mex_work_pool_limit",
  "run_retention_days",
  "audit_log_retention_days",
  "self_serve",
];
const USER_FACTS = ["id", "email", "handle", "first_name", "last_name"];

/**
 * Account, workspace and user, in separate requests. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/client/cloud.py
 */
async function readCloud(live: LiveReader): Promise<{ facts: Record<string, unknown>; notes: Sentence[] }> {
  const ids = cloudIds(live.api.url);
  const account = `/accounts/${ids?.accountId}`;
  const parts = [
    { name: "account", path: account },
    { name: "workspace", path: `${account}/workspaces/${ids?.workspaceId}` },
    { name: "user", path: "/me/" },
  ];
  const read = await Promise.allSettled(parts.map(({ path }) => live.api.getCloud(path, live.options())));
  const failed = read.flatMap((one) => (one.status === "rejected" ? [toAppError(one.reason)] : []));
  const [first] = failed;
  if (first && failed.length === parts.length) throw first;
  const [accountFacts, workspaceFacts, userFacts] = read.map((one) =>
    one.status === "fulfilled" ? asObject(one.value) : {},
  );
  const notes = read.flatMap((one, index) =>
    one.status === "rejected"
      ? [sentence`The ${asName(String(parts[index]?.name))} could not be read (${toAppError(one.reason).code}).`]
      : [],
  );
  const user = pick(userFacts, USER_FACTS);
  return {
    facts: {
      account_name: accountFacts?.name,
      workspace_name: workspaceFacts?.name,
      workspace_description: workspaceFacts?.description,
      ...(Object.keys(user).length > 0 ? { user } : {}),
      ...pick(accountFacts, ACCOUNT_FACTS),
    },
    notes,
  };
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function pick(from: Readonly<Record<string, unknown>> | undefined, names: readonly string[]): Record<string, unknown> {
  const found = names.flatMap((name) =>
    from?.[name] === null || from?.[name] === undefined ? [] : [[name, from[name]]],
  );
  return Object.fromEntries(found);
}
