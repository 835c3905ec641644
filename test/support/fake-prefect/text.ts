/** Prefect's text query: words are alternatives, `-` or `!` excludes, `+` requires, quotes make phrases; substrings, no case. */
export function matchesText(haystack: string, query: string): boolean {
  const text = haystack.toLowerCase();
  const any: string[] = [];
  const required: string[] = [];
  const excluded: string[] = [];
  for (const match of query.matchAll(/([-!+]?)(?:"((?:[^"\\]|\\.)*)"?|(\S+))/g)) {
    const [, sign, phrase, word] = match;
    const term = (phrase?.replace(/\\(["\\])/g, "$1") ?? word ?? "").toLowerCase();
    if (term === "" || (sign === "" && /^[-!+]$/.test(term))) continue;
    (sign === "+" ? required : sign ? excluded : any).push(term);
  }
  if (excluded.some((term) => text.includes(term)) || !required.every((term) => text.includes(term))) return false;
  return any.length === 0 || any.some((term) => text.includes(term));
}
