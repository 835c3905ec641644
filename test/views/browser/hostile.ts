/** Answers in which every text, and the names of free objects, are hostile. */

/** Each would do something where a text became markup, a style or code; `taken` is what the tests look for. */
const MARKUP = [
  "</script><script>globalThis.taken = 1; alert(1)</script>",
  '"><img src=x onerror="globalThis.taken=1"><iframe src="javascript:parent.taken=1"></iframe>',
  "<svg onload=globalThis.taken=1><animate onbegin=globalThis.taken=1 attributeName=x dur=1s><foreignObject>",
  "</style><style>*{display:none}body{background:url(http://192.0.2.1/)}</style> ;background:url(//192.0.2.1)",
  "<base href=//192.0.2.1><meta http-equiv=refresh content='0;url=//192.0.2.1'>",
  "<form action=//192.0.2.1><input autofocus onfocus=globalThis.taken=1></form>",
  "&lt;img src=x onerror=globalThis.taken=1&gt;&#60;script&#62;globalThis.taken=1&#60;/script&#62;",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what is planted
  "${globalThis.taken=1} {{constructor.constructor('globalThis.taken=1')()}} `${taken=1}` <%= taken %>",
];

export const PLANTS: Readonly<Record<string, string>> = {
  markup: MARKUP.join(" "),
  address: "javascript:globalThis.taken=1",
  direction: "\u202Eevil\u2066\u2067\u200F\u061C\u200B\u0000\u001B[31m\u{E0041}\uFEFF end",
  names: "__proto__",
};
export const PLAIN = "A plain name";

/** What decides how an answer is drawn, and therefore stays: times, states, kinds, ids and the source. */
const STRUCTURE =
  /^(time|start|from|to|occurred|expected|first|last|last_success|as_of|verified_at|timestamp|start_time|since|due|kind|state|state_type|severity|verdict|source|level|id|flow_run_id|next_cursor|status|by)$/;

/** `isWhole`: structure too, so that nothing of the answer has the shape that a page expects. */
export function planted(value: unknown, text: string, isWhole: boolean, key = ""): unknown {
  if (typeof value === "string") return !isWhole && STRUCTURE.test(key) ? value : text;
  if (Array.isArray(value)) return value.map((one) => planted(one, text, isWhole, key));
  if (typeof value !== "object" || value === null) return value;
  const names = Object.entries(value).map(([name, one]) => [name, planted(one, text, isWhole, name)]);
  // Evidence and payloads have names of Prefect and of flows.
  return Object.fromEntries(/evidence|payload/.test(key) ? [...names, [text, text]] : names);
}
