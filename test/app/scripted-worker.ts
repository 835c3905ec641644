/** Replaces the program's Worker: the id of the first row of a live batch is an order. */
declare const self: Worker;

const say = (message: object) => self.postMessage(JSON.stringify(message));

self.onmessage = (event: MessageEvent) => {
  const message = JSON.parse(String(event.data)) as { type: string; batch?: { rows: { id: string }[] } };
  if (message.type === "stop") say({ type: "stopped" });
  if (message.type === "open" || message.type === "follow") received.push(message.type);
  if (message.type !== "save-live") return;
  const order = message.batch?.rows[0]?.id;
  received.push(`save ${order}`);
  if (order === "started") say({ type: "started" });
  if (order === "crash") throw new Error("crashed as ordered");
  // Batches called "slow" are never processed.
  if (order !== "slow") say({ type: "saved", chars: String(event.data).length });
  if (order === "report") say({ type: "change", change: { kinds: received, flowRunIds: [], newestUs: null } });
};

const received: string[] = [];
say({ type: "ready" });
