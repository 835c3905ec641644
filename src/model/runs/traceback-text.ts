import { isUserFrame } from "./traceback.ts";

const FRAME = /^\s*(?:[|+]\s*)*File "(.+)", line (\d+)(?:, in (.+))?$/;
const TRACEBACK = /Traceback \(most recent call last\):/;

/**
 * The text with each sequence of frames of installed packages and of Python replaced by one line with their number. Text without a
 * traceback is returned as it is, and so is everything else in it: frames of the user's code, exceptions, messages.
 */
export function withoutLibraryFrames(text: string): string {
  if (!TRACEBACK.test(text)) return text;
  const shown: string[] = [];
  let left = 0;
  const end = () => {
    if (left > 0) shown.push(`  … ${left} ${left === 1 ? "frame" : "frames"} of libraries`);
    left = 0;
  };
  let isInLibrary = false;
  for (const line of text.split("\n")) {
    const match = FRAME.exec(line);
    if (match?.[1]) {
      isInLibrary = !isUserFrame({ file: match[1], line: Number(match[2]), function: match[3] ?? "", code: null });
      if (isInLibrary) left += 1;
    } else if (!isSourceLine(line)) isInLibrary = false;
    if (isInLibrary) continue;
    end();
    shown.push(line);
  }
  end();
  return shown.join("\n");
}

/** The code of a frame and its markers are indented by four more characters than `Traceback`. */
function isSourceLine(line: string): boolean {
  return /^\s*(?:[|+]\s)*\s{4}\S/.test(line) && !TRACEBACK.test(line);
}
