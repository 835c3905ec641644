/** Finds the configured credentials in texts. */
import { REDACTION_MARK, redactionMark } from "./words/redaction-mark.ts";

const CONFIGURED = redactionMark("configured-credential");

/** Words that occur in most of Prefect's texts. A password like that is not replaced, because the record would become unusable. */
export const VOCABULARY =
  "prefect.resource.id prefect.resource.name prefect.resource.role prefect.flow-run prefect.task-run prefect.deployment prefect.work-pool prefect.work-queue prefect.worker prefect.automation prefect.event prefect.variable prefect.block-document prefect.block-type prefect.concurrency-limit prefect.artifact-collection prefect.asset prefect.state-message prefect.state-name prefect.state-timestamp prefect.state-type prefect.run-count prefect.orchestration prefect.version completed scheduled running pending failed crashed cancelled cancelling paused suspended resuming awaitingretry timedout heartbeat default process kubernetes docker client server intended initial_state validated_state updated_fields triggered executed created updated deleted acquired released materialization";

function base64Of(text: string): string {
  return new TextEncoder().encode(text).toBase64({ omitPadding: true });
}

/** The forms in which a credential may occur: itself, its password, base64, URL-encoded. */
function formsOf(credential: string): string[] {
  const whole = credential.replace(/^(?:bearer|basic)\s+/i, "");
  const colon = whole.indexOf(":");
  const password = colon < 0 ? "" : whole.slice(colon + 1);
  const forms = [credential, whole, ...(password.length >= 6 ? [password] : [])].filter(
    (form) => form.length >= 4 && !VOCABULARY.includes(form.toLowerCase()),
  );
  const encoded = forms.map((form) => encodeURIComponent(form.toWellFormed()));
  return [...forms, ...encoded, ...(whole.length >= 6 ? [base64Of(whole)] : [])];
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** A short number or hex text could be a part of a UUID or a time: it matches only as a whole word. */
function literalPattern(form: string): string {
  return /^[0-9a-f]{1,15}$/i.test(form) ? `(?<![A-Za-z0-9])${form}(?![A-Za-z0-9])` : escapeRegExp(form);
}

export interface Literals {
  /** One of these is in every text that `replace` changes. */
  readonly forms: readonly string[];
  replace(text: string): string;
}

/** `credentials`: as configured. */
export function literalsOf(credentials: readonly string[]): Literals {
  const forms = [...new Set(credentials.flatMap(formsOf))].sort((a, b) => b.length - a.length);
  if (forms.length === 0) return { forms, replace: (text) => text };
  const pattern = new RegExp(`${REDACTION_MARK.source}|(?:${forms.map(literalPattern).join("|")})={0,2}`, "g");
  return {
    forms,
    replace: (text) => text.replace(pattern, (found) => (found.startsWith("[redacted:") ? found : CONFIGURED)),
  };
}
