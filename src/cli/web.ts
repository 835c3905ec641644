/** `web`: the views in a browser, from an HTTP service of this process that only this machine reaches. */
import type { SettingsSource } from "../app/settings-source.ts";
import type { ResolvedSettings } from "../config/settings.ts";
import { own, verbatim } from "../lib/shown-text.ts";
import { chosenSettings } from "./arguments/chosen-settings.ts";
import type { CommandContext } from "./command.ts";
import { serveUntilAborted } from "./serve-http.ts";
import { openInBrowser } from "./terminal/open-in-browser.ts";

const HOST = "127.0.0.1";

export async function runWeb(ctx: CommandContext): Promise<number> {
  const { invocation, out } = ctx;
  const source = await chosenSettings(ctx);
  const token = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
  const port = invocation.settings.port === undefined ? 0 : source.current().settings.http.port;
  return serveUntilAborted(ctx, readOnly(source, token, port), (url) => {
    const address = `${new URL("/web", url).href}#token=${token}`;
    out.note(own("The views are at this address, until this command ends. It contains a token: do not share it."));
    for (const line of verbatim(address)) out.line(line);
    if (!invocation.switches.has("no-open") && out.isTerminal) openInBrowser(address);
  });
}

/** The same workspace, on this machine only, for the holder of the token, without the tools that change something. */
function readOnly(source: SettingsSource, token: string, port: number): SettingsSource {
  const made = new WeakMap<ResolvedSettings, ResolvedSettings>();
  return {
    ...source,
    current() {
      const resolved = source.current();
      const known = made.get(resolved);
      if (known) return known;
      const { settings } = resolved;
      const http = {
        ...settings.http,
        host: HOST,
        port,
        tokens: [token],
        oidc: null,
        allowedHosts: [],
        allowedOrigins: [],
      };
      const own = { ...resolved, settings: { ...settings, writes: [], http } };
      made.set(resolved, own);
      return own;
    },
  };
}
