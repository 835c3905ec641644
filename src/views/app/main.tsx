/** Starts the page: finds out where its answers come from and what to draw first. */
import { render } from "preact";
import { FIRST_TOOL, VIEWS } from "../calls.ts";
import { fileConnection, type HeldCall } from "./connection/file.ts";
import { isObject, listAt, objectAt, textAt } from "./parts/read.ts";
import { Shell } from "./shell.tsx";
import style from "./style.css" with { type: "text" };

const sheet = document.createElement("style");
sheet.textContent = style;
document.head.append(sheet);

const root = document.getElementById("root");
const content: unknown = JSON.parse(document.getElementById("content")?.textContent ?? "{}");
if (root && isObject(content)) {
  const calls: readonly HeldCall[] = listAt(content, "calls").map((call) => ({
    tool: textAt(call, "tool") ?? "",
    args: objectAt(call, "args"),
    structured: objectAt(call, "structured"),
  }));
  const view = VIEWS.find((one) => one === content.view) ?? "dashboard";
  const first = { view, args: calls.find(({ tool }) => tool === FIRST_TOOL[view])?.args ?? {} };
  render(<Shell connection={fileConnection(calls)} first={first} views={[view]} onPlace={() => undefined} />, root);
}
