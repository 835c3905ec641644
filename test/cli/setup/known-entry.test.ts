import { expect, test } from "bun:test";
import { isInContainer, isOurs } from "../../../src/cli/setup/known-entry.ts";

const WORDS = ["/b/bun", "/work/checkout/src/main.ts"];

test.each([
  { command: "bunx", args: ["prefect-mcp-bun"] },
  { command: "/home/ada/.bun/bin/bunx", args: ["prefect-mcp-bun@0.1.0", "--profile", "x"] },
  { command: "npx", args: ["-y", "prefect-mcp-bun"] },
  { command: "cmd", args: ["/c", "bunx", "prefect-mcp-bun"] },
  { command: "/b/bun", args: ["x", "prefect-mcp-bun"] },
  { command: "/b/bun", args: ["--smol", "run", "--env-file", "/x.env", "/src/prefect-mcp-bun/src/main.ts", "serve"] },
  { command: "C:\\b\\bun.exe", args: ["C:\\npm\\node_modules\\prefect-mcp-bun\\dist\\prefect-mcp-bun.js"] },
  { command: "/other/bun", args: ["/work/checkout/src/main.ts"] },
  { command: "/opt/prefect-mcp-bun-linux-x64", args: [] },
  { type: "local", command: ["bunx", "prefect-mcp-bun"] },
  { cmd: "bunx", args: ["prefect-mcp-bun"] },
])("a command that starts this program is recognized: %j", (entry) => {
  expect(isOurs(entry, WORDS)).toBe(true);
});

test.each([
  { url: "https://prefect-mcp-bun.example.com/mcp" },
  { type: "http", url: "http://127.0.0.1:8080/mcp", headers: { "x-app": "prefect-mcp-bun" } },
  { command: "python", args: ["/home/me/prefect-mcp-bun/other_server.py"] },
  { command: "/b/bun", args: ["/home/me/prefect-mcp-bun/src/other.ts"] },
  { command: "/b/bun", args: ["/home/me/other.ts", "prefect-mcp-bun"] },
  { command: "bunx", args: ["mcp-remote", "https://x.example/prefect-mcp-bun"] },
  { command: "uvx", args: ["prefect-mcp-server"], env: { NOTE: "prefect-mcp-bun" } },
  { command: "/opt/wrapper.sh", args: ["prefect-mcp-bun"] },
  {
    command: "docker",
    args: ["run", "-i", "--rm", "ghcr.io/someone/prefect-mcp-bun:0.1.0", "serve", "--profile", "prod"],
  },
  { command: "docker", args: ["run", "-v", "/src/prefect-mcp-bun:/x", "python:3"] },
])("another command, a container and a URL are not, whatever names are in them: %j", (entry) => {
  expect(isOurs(entry, WORDS)).toBe(false);
});

test("a container with an image of this program is recognized as such", () => {
  const container = (command: string, ...args: string[]) => isInContainer({ command, args });
  expect(container("docker", "run", "-i", "ghcr.io/someone/prefect-mcp-bun:0.1.0", "serve")).toBe(true);
  expect(container("/usr/bin/podman", "run", "-i", "prefect-mcp-bun")).toBe(true);
  expect(container("docker", "run", "-v", "/src/prefect-mcp-bun:/x", "python:3")).toBe(false);
  expect(container("python", "prefect-mcp-bun")).toBe(false);
});
