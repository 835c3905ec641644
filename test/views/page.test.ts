import { describe, expect, test } from "bun:test";
import { pageHtml } from "../../src/views/page.ts";

const hostile = "</script><script>document.title='taken'</script><!-- \u2028";
const call = { tool: "get_dashboard", args: {}, structured: { problems: [{ code: "failed_runs", summary: hostile }] } };

describe("the page of an answer", () => {
  test("holds text of flows as data that cannot end the script element", () => {
    const html = pageHtml({ view: "dashboard", calls: [call] });
    const [, json = ""] = /<script type="application\/json" id="content">([\s\S]*?)<\/script>/.exec(html) ?? [];
    expect(JSON.parse(json)).toEqual({ view: "dashboard", calls: [call] });
    expect(html.match(/<\/script>/g)).toHaveLength(2);
  });

  test("is at most 250 KB after gzip, with all views in it", () => {
    expect(Bun.gzipSync(pageHtml({ view: null }), { level: 9 }).length).toBeLessThanOrEqual(250_000);
  });

  test("allows its own script by hash, and no request at all", () => {
    const html = pageHtml({ view: "dashboard", calls: [call] });
    const [, code = ""] = /<script>([\s\S]*)<\/script>/.exec(html) ?? [];
    const hash = new Bun.CryptoHasher("sha256").update(code).digest("base64");
    expect(html).toContain(
      `default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'; connect-src 'none'`,
    );
    expect(html).not.toMatch(/(src|href)="/);
  });
});
