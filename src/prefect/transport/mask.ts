import type { PrefectConnection } from "./connection.ts";
import { basicToken } from "./headers.ts";

/**
 * A function that replaces this connection's credentials in texts: servers and proxies may echo what was sent. Values of fewer than
 * four characters stay: replacing them would make texts unreadable.
 */
export function createMask(connection: PrefectConnection): (text: string) => string {
  const { auth, customHeaders } = connection;
  const secrets = new Set<string>();
  if (auth.kind === "key") secrets.add(auth.key);
  if (auth.kind === "basic") {
    const colon = auth.authString.indexOf(":");
    secrets
      .add(auth.authString)
      .add(basicToken(auth.authString))
      .add(auth.authString.slice(colon + 1));
  }
  for (const value of Object.values(customHeaders)) secrets.add(value);
  for (const proxy of [connection.proxy.http, connection.proxy.https]) {
    const password = proxy && /\/\/[^/:@]*:([^/@]+)@/.exec(proxy)?.[1];
    if (password) secrets.add(password);
  }
  const long = [...secrets].filter((secret) => secret.length >= 4).sort((a, b) => b.length - a.length);
  return (text) => long.reduce((masked, secret) => masked.replaceAll(secret, "***"), text);
}
