/** Sends changes of incidents to a webhook, one after the other, while the watch goes on. */
import { lookup } from "node:dns/promises";
import type { Settings } from "../config/settings.ts";
import { AppError, toAppError } from "../errors.ts";
import { systemClock } from "../lib/clock.ts";
import { counted, type Line, oneLine, sentence } from "../lib/shown-text.ts";
import { formatIsoUs, type ServerUs } from "../lib/time.ts";
import type { Redact } from "../model/secrets/redact.ts";
import { sendWebhook } from "../prefect/webhook.ts";
import { checkWebhookTarget, type WebhookRules } from "../prefect/webhook-target.ts";
import type { IncidentChangeKind } from "../queries/incidents/incident-changes.ts";

export interface WebhookSender {
  send(kind: IncidentChangeKind, incident: object, atUs: ServerUs): void;
  /** Says what was not sent. */
  end(): Promise<void>;
}

/** While a receiver is unreachable, newer messages than these are dropped. */
const MAX_WAITING = 100;

export interface WebhookSenderOptions {
  readonly url: string | undefined;
  readonly rules: Settings["webhook"];
  readonly redact: Redact | null;
  readonly signal: AbortSignal;
  note(text: Line): void;
}

/** Null without a URL. Throws AppError `invalid_config` for a URL that is refused, and without a secret. */
export async function openWebhook(options: WebhookSenderOptions): Promise<WebhookSender | null> {
  const { url: text, rules, redact, signal, note } = options;
  if (text === undefined) return null;
  const { secret, allowedHosts } = rules;
  const targetRules: WebhookRules = { allowed: allowedHosts, lookup: addressesOf };
  const url = await checkWebhookTarget(text, targetRules);
  if (secret === null) {
    throw new AppError(
      "invalid_config",
      "Messages to a webhook are signed, and PREFECT_MCP_WEBHOOK_SECRET is not set.",
      {
        hint: "Set it to a long random text, for example the output of `openssl rand -hex 32`, which the receiver has too.",
      },
    );
  }
  let waiting = 0;
  let dropped = 0;
  let sending: Promise<void> = Promise.resolve();
  const deliver = async (body: string) => {
    const id = `msg_${crypto.randomUUID().replaceAll("-", "")}`;
    const check = () => checkWebhookTarget(text, targetRules);
    try {
      if (!signal.aborted) await sendWebhook({ id, body }, { url, secret, clock: systemClock, signal, check });
      else dropped += 1;
    } catch (error) {
      dropped += 1;
      if (!signal.aborted) note(oneLine(redact?.text(toAppError(error).message) ?? toAppError(error).message));
    }
    waiting -= 1;
  };
  return {
    send(kind, incident, atUs) {
      if (waiting >= MAX_WAITING) {
        dropped += 1;
        return;
      }
      waiting += 1;
      const data = redact ? redact.object(incident) : incident;
      const body = JSON.stringify({ type: `incident.${kind}`, timestamp: formatIsoUs(atUs), data });
      sending = sending.then(() => deliver(body));
    },
    async end() {
      await sending;
      if (dropped > 0) note(sentence`${counted(dropped, "message")} could not be sent to the webhook.`);
    },
  };
}

async function addressesOf(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
