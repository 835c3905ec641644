/** Runs in a browser: the host of an MCP App, as clients have it. `test/views/browser/app.test.ts` puts the rest into `globalThis`. */
import { AppBridge, PostMessageTransport } from "@modelcontextprotocol/ext-apps/app-bridge";

interface Given {
  page: string;
  theme: "light" | "dark";
  /** The answer of each tool. */
  held: Record<string, Record<string, unknown>>;
  first: string;
  calls: { name: string }[];
  setTheme(theme: "light" | "dark"): void;
}

const given: Given = Reflect.get(globalThis, "given");
const frame = document.querySelector("iframe");
const target = frame?.contentWindow;
if (frame && target) {
  const bridge = new AppBridge(
    null,
    { name: "host", version: "1" },
    { serverTools: {} },
    { hostContext: { theme: given.theme } },
  );
  const answerOf = (tool: string) => ({ content: [], structuredContent: given.held[tool] ?? {} });
  bridge.oncalltool = async ({ name }) => {
    given.calls.push({ name });
    return answerOf(name);
  };
  bridge.oninitialized = () => {
    void bridge.sendToolInput({ arguments: {} });
    void bridge.sendToolResult(answerOf(given.first));
  };
  given.setTheme = (theme) => void bridge.setHostContext({ theme });
  frame.srcdoc = given.page;
  void bridge.connect(new PostMessageTransport(target, target));
}
