/** Stands in for the program's Worker: does what the first keep message says. */
declare const self: Worker;

const say = (message: object) => self.postMessage(JSON.stringify(message));

self.onmessage = (event: MessageEvent) => {
  const message = JSON.parse(String(event.data)) as { type: string; batch?: { rows: { id: string }[] } };
  if (message.type === "stop") say({ type: "stopped" });
  if (message.type === "open" || message.type === "follow") heard.push(message.type);
  if (message.type !== "save-live") return;
  const order = message.batch?.rows[0]?.id;
  heard.push(`keep ${order}`);
  if (order === "crash") throw new Error("crashed as told");
  if (order === "trouble")
    say({ type: "trouble", error: { code: "unavailable", message: "The disk is full.", hint: null } });
  if (order === "report") say({ type: "change", change: { kinds: heard, flowRunIds: [], newestUs: null } });
};

const heard: string[] = [];
say({ type: "ready" });
