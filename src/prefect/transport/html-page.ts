import { truncate } from "../../lib/truncate.ts";
import { visibleText } from "../../lib/visible-text.ts";
import type { HttpAnswer } from "./exchange.ts";

/** A page whose body begins like this, after comments, is HTML, whatever its content type says. */
const HTML_START = /^<(?:!doctype\s+html|html|head|body|title|script|meta)\b/i;
const HTML_TYPE = /^\s*(?:text\/html|application\/xhtml\+xml)\b/i;
/** Prefect's own answers are JSON, also where a proxy gives them another type. */
const JSON_START = /^\s*[[{]/;
/** How much of a page is searched for its title. */
const SEARCHED_CHARS = 64 * 1024;
const MAX_TITLE_CHARS = 80;

/**
 * Whether a web page was returned instead of an answer of Prefect's API, which returns none: a sign-in page, an error page of a
 * proxy, a captive portal. Its status says nothing about Prefect.
 */
export function isHtmlPage({ json, text, headers }: Pick<HttpAnswer, "json" | "text" | "headers">): boolean {
  if (json !== undefined || text.trim() === "") return false;
  if (HTML_START.test(withoutComments(text.slice(0, SEARCHED_CHARS)))) return true;
  return HTML_TYPE.test(headers.get("content-type") ?? "") && !JSON_START.test(text);
}

/** The text after its first comments. Not by one expression, which tries every division of many comments into few. */
function withoutComments(text: string): string {
  const rest = text.replace(/^\ufeff/, "").trimStart();
  let at = 0;
  while (rest.startsWith("<!--", at)) {
    const end = rest.indexOf("-->", at + 4);
    if (end < 0) return "";
    at = end + 3;
    while (/\s/.test(rest.charAt(at))) at += 1;
  }
  return rest.slice(at);
}

/** The title of a page in one line of at most 80 characters, without quotation marks; "" without a title. */
export function pageTitle(text: string): string {
  const searched = text.slice(0, SEARCHED_CHARS);
  const open = /<title\b[^>]{0,200}>/i.exec(searched);
  if (open === null) return "";
  const rest = searched.slice(open.index + open[0].length);
  const end = rest.search(/<\/title/i);
  const inside = (end < 0 ? rest : rest.slice(0, end)).slice(0, 1_000);
  const plain = visibleText(decodeEntities(inside)).replaceAll('"', "'").replace(/\s+/g, " ").trim();
  return truncate(plain, MAX_TITLE_CHARS);
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,6}));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[String(name).toLowerCase()] ?? whole;
    const code = Number.parseInt(String(decimal ?? hex), decimal === undefined ? 16 : 10);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
