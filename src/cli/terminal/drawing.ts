/** Whether and with what characters answers are drawn on a terminal. */

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Bars and colours are for a terminal that can show them, and not for who asked for none: https://no-color.org, and `CLICOLOR` of
 * https://bixense.com/clicolors/. Nothing forces them where the output is not a terminal, because programs read that. Pure.
 */
export function drawsPictures(isTerminal: boolean, env: Variables): boolean {
  return isTerminal && !isDumb(env) && !env.NO_COLOR && env.CLICOLOR !== "0" && env.FORCE_COLOR !== "0";
}

/** It moves no cursor and clears no line: https://invisible-island.net/ncurses/terminfo.src.html#tic-dumb */
export function isDumb({ TERM }: Variables): boolean {
  return TERM === "dumb";
}

export interface Glyphs {
  /** What is there, in part, and not, of a bar. */
  readonly full: string;
  readonly half: string;
  readonly empty: string;
  /** Of a sparkline: zero first. */
  readonly levels: string;
  /** What is not covered, never zero. */
  readonly unknown: string;
  readonly branch: string;
  readonly cut: string;
}

export const UNICODE: Glyphs = {
  full: "█",
  half: "▒",
  empty: "░",
  levels: "▁▂▃▄▅▆▇█",
  unknown: "?",
  branch: "└",
  cut: "…",
};

export const ASCII: Glyphs = {
  full: "#",
  half: "+",
  empty: "-",
  levels: "_.:-=+*#",
  unknown: "?",
  branch: "`-",
  cut: "...",
};

/** By the locale, https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap08.html#tag_08_02; without one it is "C". Pure. */
export function glyphsOf({ LC_ALL, LC_CTYPE, LANG }: Variables, platform: string): Glyphs {
  const locale = LC_ALL || LC_CTYPE || LANG;
  if (!locale) return platform === "linux" ? ASCII : UNICODE;
  return /utf-?8/i.test(locale) ? UNICODE : ASCII;
}
