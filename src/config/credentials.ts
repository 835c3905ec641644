import { isSecretName } from "../model/secrets/words/secret-names.ts";
import type { Settings } from "./settings.ts";

function passwordIn(proxy: string | null): string[] {
  if (proxy === null || !URL.canParse(proxy)) return [];
  const { password } = new URL(proxy);
  return password === "" ? [] : [password];
}

/** A header may hold a secret whatever its name is. Short plain values are not secrets: "data" of "X-Team: data" is in many texts. */
function isSecretHeader(name: string, value: string): boolean {
  return isSecretName(name) || (value.length >= 16 && /^(?=.*\d)(?=.*[A-Za-z])\S+$/.test(value));
}

/** The secrets among the settings, for `createRedactor`: key, auth string, secret headers, proxy passwords, callers' tokens, those of a fleet. */
export function credentialsOf({
  auth,
  customHeaders,
  proxy,
  http,
  webhook,
  fleet,
  isNamedByCaller,
}: Settings): readonly string[] {
  return [
    ...(auth.kind === "key" ? [auth.key] : []),
    ...(auth.kind === "basic" ? [auth.authString] : []),
    ...Object.entries(customHeaders).flatMap(([name, value]) => (isSecretHeader(name, value) ? [value] : [])),
    // Not for a Prefect that a caller named: the operator's secrets are never sent to it, and a caller who guesses one could see from
    // a redacted text that the guess was right.
    ...(isNamedByCaller
      ? []
      : [
          ...passwordIn(proxy.http),
          ...passwordIn(proxy.https),
          ...http.tokens,
          ...(webhook.secret === null ? [] : [webhook.secret]),
          ...passwordIn(fleet?.url ?? null),
          ...(fleet?.secret ? [fleet.secret] : []),
        ]),
  ];
}
