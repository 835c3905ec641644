/** The URL that a text consists of; null when it is not an http or https URL. */
export function parseHttpUrl(text: string): URL | null {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : null;
  return url && /^https?:$/.test(url.protocol) ? url : null;
}

/** The same text for every spelling of a base URL: no credentials, default port, trailing slashes, query or fragment. */
export function baseUrlOf(url: URL): string {
  return `${url.protocol}//${url.host}${withoutEndSlashes(url.pathname)}`;
}

/** Begins at the first of the slashes at the end: from each slash of a long run it would otherwise read the rest of the run. */
const END_SLASHES = /(?<!\/)\/+$/;

export function withoutEndSlashes(text: string): string {
  return text.replace(END_SLASHES, "");
}
