import { isSecretName } from "../model/secrets/secret-shapes.ts";
import type { Settings } from "./settings.ts";

function passwordIn(proxy: string | null): string[] {
  if (proxy === null || !URL.canParse(proxy)) return [];
  const { password } = new URL(proxy);
  return password === "" ? [] : [password];
}

/** A header may carry a secret under any name; "X-Team: data" must not take the word out of every text. */
function isSecretHeader(name: string, value: string): boolean {
  return isSecretName(name) || (value.length >= 16 && /^(?=.*\d)(?=.*[A-Za-z])\S+$/.test(value));
}

/** The secrets among the settings, for `createRedactor`: key, auth string, secret headers, proxy passwords, callers' tokens. */
export function credentialsOf({ auth, customHeaders, proxy, http, isNamedByCaller }: Settings): readonly string[] {
  return [
    ...(auth.kind === "key" ? [auth.key] : []),
    ...(auth.kind === "basic" ? [auth.authString] : []),
    ...Object.entries(customHeaders).flatMap(([name, value]) => (isSecretHeader(name, value) ? [value] : [])),
    // A caller's Prefect is sent none of the operator's: a text in which one is replaced would say which guess was right.
    ...(isNamedByCaller ? [] : [...passwordIn(proxy.http), ...passwordIn(proxy.https), ...http.tokens]),
  ];
}
