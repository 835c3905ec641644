/** Starts the page: finds out where its answers come from and what to draw first. */
import { render } from "preact";
import { FIRST_TOOL, VIEWS, type View } from "../calls.ts";
import { fragmentOf, type Place, placeOf, tokenOf } from "./address.ts";
import { isObject, listAt, objectAt, textAt } from "./answers/read.ts";
import { browserConnection } from "./connection/browser.ts";
import { fileConnection, type HeldCall } from "./connection/file.ts";
import { connectToHost } from "./connection/host.ts";
import { Shell } from "./shell.tsx";
import style from "./style.css" with { type: "text" };

const sheet = document.createElement("style");
sheet.textContent = style;
document.head.append(sheet);

const root = document.getElementById("root");
const content: unknown = JSON.parse(document.getElementById("content")?.textContent ?? "{}");
if (root && isObject(content)) {
  if (content.calls !== null) startFromFile(root, content);
  else if (window.parent === window) startInBrowser(root);
  else void startInHost(root, viewOf(content));
}

function startFromFile(target: HTMLElement, given: Readonly<Record<string, unknown>>): void {
  const calls: readonly HeldCall[] = listAt(given, "calls").map((call) => ({
    tool: textAt(call, "tool") ?? "",
    args: objectAt(call, "args"),
    structured: objectAt(call, "structured"),
  }));
  const view = viewOf(given);
  const first = { view, args: calls.find(({ tool }) => tool === FIRST_TOOL[view])?.args ?? {} };
  render(<Shell connection={fileConnection(calls)} first={first} views={[view]} onPlace={() => undefined} />, target);
}

function viewOf(given: Readonly<Record<string, unknown>>): View {
  return VIEWS.find((one) => one === given.view) ?? "dashboard";
}

async function startInHost(target: HTMLElement, view: View): Promise<void> {
  const { connection, args } = await connectToHost(FIRST_TOOL[view]);
  const views = VIEWS.filter((one) => one === view || one !== "run");
  render(<Shell connection={connection} first={{ view, args }} views={views} onPlace={() => undefined} />, target);
}

/** The address names the page, so that back, forward and links work. */
function startInBrowser(target: HTMLElement): void {
  const token = tokenOf(location.hash);
  const onMove = (move: (place: Place) => void) => {
    const moved = () => move(placeOf(location.hash));
    addEventListener("popstate", moved);
    return () => removeEventListener("popstate", moved);
  };
  const onPlace = (place: Place) => history.pushState(null, "", fragmentOf(place, token));
  const views = VIEWS.filter((view) => view !== "run");
  const first = placeOf(location.hash);
  const connection = browserConnection(token);
  render(<Shell connection={connection} first={first} views={views} onPlace={onPlace} onMove={onMove} />, target);
}
