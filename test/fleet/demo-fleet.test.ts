/** `bun run demo:fleet` with few tenants: real processes, a real PostgreSQL. */
import { expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SCRIPT = join(import.meta.dir, "..", "..", "scripts", "fleet", "demo.ts");

/** The demo with a temporary folder of its own. `end` fails unless nothing is left in it. */
function startDemo() {
  const folder = mkdtempSync(join(tmpdir(), "demo-"));
  // PostgreSQL runs as another user where the tests run as root.
  chmodSync(folder, 0o755);
  const command = [process.execPath, SCRIPT, "--tenants", "2", "--nodes", "2"];
  const child = Bun.spawn(command, {
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const end = () => {
    expect(readdirSync(folder)).toEqual([]);
    rmdirSync(folder);
  };
  return { child, end };
}

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const nodesOf = (text: string) => [...text.matchAll(/\(process (\d+)\)/g)].map(([, pid]) => Number(pid));

test("the demo of a fleet loses no call when a node is killed, and leaves nothing behind", async () => {
  const { child: demo, end } = startDemo();
  const text = await new Response(demo.stdout).text();
  expect([await demo.exited, text.includes("The fleet kept its promise.")]).toEqual([0, true]);
  expect(text).toMatch(/^\d\d:\d\d:\d\d\.\d+ {2}tenant-01 {2}get_dashboard .* s old +from node-\d/m);
  expect(text).toMatch(/^\d+ calls, 0 failed\. [12] of 2 tenants lost their node\.$/m);
  expect(text).toMatch(/record of another node within \d+\.\d s\.$/m);
  expect(nodesOf(text).map(isRunning)).toEqual([false, false]);
  end();
});

test("Ctrl-C ends the demo with its processes and folders", async () => {
  const { child: demo, end } = startDemo();
  let text = "";
  for await (const chunk of demo.stdout.pipeThrough(new TextDecoderStream())) {
    const hadNode = nodesOf(text).length > 0;
    text += chunk;
    if (!hadNode && nodesOf(text).length > 0) demo.kill("SIGINT");
  }
  expect([await demo.exited, text.includes("Stopped.")]).toEqual([130, true]);
  expect(nodesOf(text).map(isRunning)).not.toContain(true);
  end();
});
