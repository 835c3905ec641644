/** `call TOOL --html FILE`: the answer as a page for a browser. */
import { AppError } from "../../errors.ts";
import { asPlace, quote, sentence } from "../../lib/shown-text.ts";
import { type AnsweredCall, pageHtml, viewOfTool } from "../../views/page.ts";

/** Throws `invalid_input` for a tool without a view and for a file that cannot be written. */
export async function writePage(file: string, call: AnsweredCall): Promise<void> {
  const view = viewOfTool(call.tool);
  if (view === null) {
    throw new AppError("invalid_input", sentence`There is no page for ${quote(call.tool)}.`, {
      hint: "Pages exist for get_dashboard and the other tools that docs/views.md lists.",
    });
  }
  try {
    await Bun.write(file, pageHtml({ view, calls: [call] }));
  } catch {
    throw new AppError("invalid_input", sentence`The page cannot be written to ${asPlace(file)}.`, {
      hint: "Name a file in a folder that exists and can be written to.",
    });
  }
}
