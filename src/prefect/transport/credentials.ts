/** Sentences about refused credentials. They name the kind and the variable to check, never a value. */
import { asPlace, type Sentence, sentence } from "../../lib/shown-text.ts";
import type { PrefectConnection } from "./connection.ts";

/** For a 401, or what corresponds to it on the websocket. */
export function refusedCredential({ auth }: PrefectConnection, url: string): Sentence {
  if (auth.kind === "none") return sentence`Prefect at ${asPlace(url)} asks for credentials and none are set.`;
  if (auth.kind === "key") return sentence`Prefect at ${asPlace(url)} does not accept the API key (401).`;
  return sentence`Prefect at ${asPlace(url)} does not accept the auth string (401).`;
}

/** The setting to correct. */
export function credentialHint({ auth, isCloud }: PrefectConnection): Sentence {
  if (auth.kind === "none") {
    return isCloud
      ? sentence`Set PREFECT_API_KEY.`
      : sentence`Set PREFECT_API_AUTH_STRING (user:password) as the server has it.`;
  }
  if (auth.kind === "basic") {
    return isCloud
      ? sentence`PREFECT_API_AUTH_STRING was sent, which takes precedence over a key; Prefect Cloud accepts only PREFECT_API_KEY.`
      : sentence`Check PREFECT_API_AUTH_STRING: it must equal the server's PREFECT_SERVER_API_AUTH_STRING.`;
  }
  return isCloud
    ? sentence`Check PREFECT_API_KEY: it may be expired, or belong to another account than PREFECT_API_URL.`
    : sentence`PREFECT_API_KEY was sent; a self-hosted server with an auth string requires PREFECT_API_AUTH_STRING (user:password).`;
}
