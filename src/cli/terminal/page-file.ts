/** `call TOOL --html FILE`: the answer as a page for a browser. */
import { AppError } from "../../errors.ts";
import { asPlace, joined, quote, sentence } from "../../lib/shown-text.ts";
import { callsOfView, FIRST_TOOL, type View, type ViewCall, viewOfTool } from "../../views/calls.ts";
import { type AnsweredCall, pageHtml } from "../../views/page.ts";

/** Throws `invalid_input` for a tool whose answers no view draws. */
export function viewFor(tool: string): View {
  const view = viewOfTool(tool);
  if (view !== null) return view;
  throw new AppError("invalid_input", sentence`There is no page for ${quote(tool)}.`, {
    hint: sentence`Pages exist for ${joined(
      Object.values(FIRST_TOOL).map((name) => quote(name)),
      ", ",
    )}.`,
  });
}

/**
 * Writes the page of `first` and of the other answers that its view draws; `answer` makes those. Throws `invalid_input` for a file that
 * cannot be written.
 */
export async function writePage(
  file: string,
  view: View,
  first: AnsweredCall,
  answer: (call: ViewCall) => Promise<AnsweredCall["structured"]>,
): Promise<void> {
  const calls: AnsweredCall[] = [first];
  for (const call of callsOfView(view, first.args).slice(1)) calls.push({ ...call, structured: await answer(call) });
  try {
    await Bun.write(file, pageHtml({ view, calls }));
  } catch {
    throw new AppError("invalid_input", sentence`The page cannot be written to ${asPlace(file)}.`, {
      hint: "Name a file in a folder that exists and can be written to.",
    });
  }
}
