import { fstatSync } from "node:fs";

/** Whether the descriptor is a terminal. node:tty takes 10 ms to load, so it is loaded only for a character device. */
export function isTty(fd: 0 | 1 | 2): boolean {
  try {
    if (!fstatSync(fd).isCharacterDevice()) return false;
  } catch {
    return false;
  }
  const { isatty } = require("node:tty") as typeof import("node:tty");
  return isatty(fd);
}
