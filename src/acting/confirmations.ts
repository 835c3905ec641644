/**
 * Confirmation tokens. A token is sealed with a key of this process; it holds what was previewed as digests, so that only this
 * process can make one, and it confirms only what was previewed. It is valid once, within ten minutes of the steady clock.
 */
import { AppError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import { lazily } from "../lib/lazily.ts";
import { own } from "../lib/shown-text.ts";
import { addMs, type ServerUs, type SteadyMs } from "../lib/time.ts";
import type { Seed } from "./plan.ts";

/** What a token confirms. */
export interface Proposal {
  readonly seed: Seed;
  /** Of the tool and its arguments. */
  readonly call: string;
  /** Of the requests and the states that were shown. */
  readonly plan: string;
}

export interface Confirmations {
  seal(tenant: string, proposal: Proposal): string;
  /** Throws AppError `invalid_input` for a token that is not of this tenant, not of this process, used or too old. */
  open(tenant: string, token: string): Proposal;
  /** False when it was used before. A used token is refused by `open`. */
  use(proposal: Proposal): boolean;
}

export const VALID_MS = 600_000;

const AGAIN = own("Call again without confirm for a new preview.");
const IV_BYTES = 12;
const TAG_BYTES = 16;
const ID_BYTES = 16;
/** Half of SHA-256: 2^128 are enough against a second plan with the same digest. */
const DIGEST_BYTES = 16;
const CONTENT_BYTES = ID_BYTES + 2 * DIGEST_BYTES + 2 * 8;

/** Loaded with the first preview: it takes 6 ms, at every start of a process. */
const ciphers = lazily(() => require("node:crypto") as typeof import("node:crypto"));

function randomBytes(size: number): Buffer {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(size)));
}

export function newChangeId(): string {
  return randomBytes(ID_BYTES).toString("hex");
}

/** Digest of a value whose members always come in the same order. */
export function digestOf(value: unknown): string {
  return new Bun.CryptoHasher("sha256")
    .update(JSON.stringify(value))
    .digest()
    .subarray(0, DIGEST_BYTES)
    .toString("hex");
}

export function createConfirmations(clock: Pick<Clock, "steadyMs">): Confirmations {
  const key = randomBytes(32);
  /** Ids of used tokens, with the end of their validity. */
  const used = new Map<string, SteadyMs>();

  function dropOld(nowMs: SteadyMs): void {
    for (const [id, endMs] of used) {
      if (endMs > nowMs) return;
      used.delete(id);
    }
  }

  return {
    // In hex: of tokens in base64 one in some thousands looks like a key of some service, and would be redacted.
    seal(tenant, { seed, call, plan }) {
      const content = Buffer.alloc(CONTENT_BYTES);
      Buffer.from(`${seed.id}${call}${plan}`, "hex").copy(content);
      const at = ID_BYTES + 2 * DIGEST_BYTES;
      content.writeDoubleBE(seed.nowUs, at);
      content.writeDoubleBE(addMs(clock.steadyMs(), VALID_MS), at + 8);
      const iv = randomBytes(IV_BYTES);
      const cipher = ciphers().createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(tenant));
      return Buffer.concat([iv, cipher.update(content), cipher.final(), cipher.getAuthTag()]).toString("hex");
    },

    open(tenant, token) {
      const sealed = Buffer.from(token.trim(), "hex");
      const content = unsealed(key, tenant, sealed);
      if (content === null) {
        throw new AppError("invalid_input", "This confirmation was not given by this server for this workspace.", {
          hint: AGAIN,
        });
      }
      const text = content.toString("hex");
      const at = ID_BYTES + 2 * DIGEST_BYTES;
      const id = text.slice(0, 2 * ID_BYTES);
      if (content.readDoubleBE(at + 8) <= clock.steadyMs())
        throw new AppError("invalid_input", "This confirmation is older than ten minutes.", { hint: AGAIN });
      if (used.has(id))
        throw new AppError("invalid_input", "This confirmation was used before; it counts once.", { hint: AGAIN });
      return {
        seed: { id, nowUs: content.readDoubleBE(at) as ServerUs },
        call: text.slice(2 * ID_BYTES, 2 * (ID_BYTES + DIGEST_BYTES)),
        plan: text.slice(2 * (ID_BYTES + DIGEST_BYTES), 2 * at),
      };
    },

    use({ seed }) {
      const nowMs = clock.steadyMs();
      dropOld(nowMs);
      if (used.has(seed.id)) return false;
      used.set(seed.id, addMs(nowMs, VALID_MS));
      return true;
    },
  };
}

function unsealed(key: Buffer, tenant: string, sealed: Buffer): Buffer | null {
  if (sealed.length !== IV_BYTES + CONTENT_BYTES + TAG_BYTES) return null;
  const decipher = ciphers().createDecipheriv("aes-256-gcm", key, sealed.subarray(0, IV_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(tenant)).setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    return null;
  }
}
