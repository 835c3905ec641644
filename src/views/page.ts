/**
 * The page that draws answers: one HTML file with everything in it, which requests nothing from the network by itself. The same page is a
 * file (`call --html`), an MCP App (`ui://prefect/…`) and the answer of `web`; the difference is where it gets its answers from.
 */
import { bundleOfViews } from "./build-page.ts" with { type: "macro" };
import type { View, ViewCall } from "./calls.ts";

const SCRIPT_GZIP: string = bundleOfViews();

/** One answered call. */
export interface AnsweredCall extends ViewCall {
  readonly structured: Readonly<Record<string, unknown>>;
}

export interface PageContent {
  /** What is drawn first; null: the page decides (the App by the tool, the browser by the address). */
  readonly view: View | null;
  /** Answers inside of the page: then it asks nobody. */
  readonly calls?: readonly AnsweredCall[];
}

let script: string | null = null;

function scriptText(): string {
  script ??= new TextDecoder().decode(Bun.gunzipSync(Buffer.from(SCRIPT_GZIP, "base64")));
  return script;
}

/** JSON inside a script element: `<` would end it or begin a comment, https://html.spec.whatwg.org/#restrictions-for-contents-of-script-elements. */
function inScript(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

/** `connect`: the CSP source for requests, 'none' for a file. */
export function pageHtml({ view, calls }: PageContent, connect: "'none'" | "'self'" = "'none'"): string {
  const code = scriptText().replaceAll("</script", "<\\/script");
  const hash = new Bun.CryptoHasher("sha256").update(code).digest("base64");
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${hash}'`,
    "style-src 'unsafe-inline'",
    `connect-src ${connect}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Prefect</title>
</head>
<body>
<main id="root"></main>
<script type="application/json" id="content">${inScript({ view, calls: calls ?? null })}</script>
<script>${code}</script>
</body>
</html>
`;
}
