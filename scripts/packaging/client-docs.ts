/**
 * README's table of clients and docs/clients.md, made from the clients that `setup` knows.
 * `bun scripts/packaging/client-docs.ts` writes them; a test fails when they are stale.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { McpClient } from "../../src/cli/setup/client.ts";
import { CLIENTS } from "../../src/cli/setup/clients.ts";
import { jsoncFormat } from "../../src/cli/setup/formats/jsonc.ts";
import { tomlFormat } from "../../src/cli/setup/formats/toml.ts";
import { yamlFormat } from "../../src/cli/setup/formats/yaml.ts";

const ROOT = join(import.meta.dir, "..", "..");
const NAME = "prefect";
const LAUNCH = { command: "bunx", args: ["prefect-mcp-bun"], env: {} };
const WORDS = [LAUNCH.command, ...LAUNCH.args];
const FORMATS = { json: jsoncFormat, toml: tomlFormat, yaml: yamlFormat };
const PASSING = {
  all: "All variables of the shell in which it was started.",
  "no-secrets": "Those of the shell, without the ones whose name looks like a secret.",
  few: "None of Prefect's: use a profile, or `setup`, which writes the URL down.",
} as const;

interface InstallLink {
  /** Opened by the program itself. */
  readonly own: string;
  /** The same as an address on the web, because pages of repositories show no links of other schemes. */
  readonly web: string;
}

/** https://cursor.com/docs/context/mcp/install-links and https://code.visualstudio.com/api/extension-guides/ai/mcp */
export function installLinks(): { cursor: InstallLink; vscode: InstallLink } {
  const { command, args } = LAUNCH;
  const cursor = `name=${NAME}&config=${encodeURIComponent(btoa(JSON.stringify({ command, args })))}`;
  const encoded = (value: object) => encodeURIComponent(JSON.stringify(value));
  return {
    cursor: {
      own: `cursor://anysphere.cursor-deeplink/mcp/install?${cursor}`,
      web: `https://cursor.com/en/install-mcp?${cursor}`,
    },
    vscode: {
      own: `vscode:mcp/install?${encoded({ name: NAME, command, args })}`,
      web: `https://vscode.dev/redirect/mcp/install?name=${NAME}&config=${encoded({ command, args })}`,
    },
  };
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** The rows of README: the client's own line where it has one, else the file. */
export function clientTable(): string {
  const rows = CLIENTS.map((client) => {
    const how = client.line ? `\`${client.line(NAME, WORDS)}\`` : client.where;
    return `| [${client.title}](docs/clients.md#${anchor(client)}) | \`${client.id}\` | ${cell(how)} |`;
  });
  return ["| Client | `--client` | By hand |", "|---|---|---|", ...rows].join("\n");
}

export function withClientTable(readme: string): string {
  const { cursor, vscode } = installLinks();
  const links = `Links that install it: [Cursor](${cursor.web}), [VS Code](${vscode.web}). By hand:`;
  const [begin, end] = ["<!-- begin clients -->", "<!-- end clients -->"];
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
  if (from < 0 || to < from) throw new Error("README.md lacks the markers of the clients");
  return `${readme.slice(0, from + begin.length)}\n${links}\n\n${clientTable()}\n${readme.slice(to)}`;
}

function anchor({ title }: McpClient): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\w -]/g, "")
    .replaceAll(" ", "-");
}

function section(client: McpClient): string {
  const { id, title, format, servers, where, line, breaks, log, passes, allowing } = client;
  const shown = FORMATS[format].show([...servers, NAME], client.entry(LAUNCH, NAME, []));
  return [
    `## ${title}`,
    "",
    `- **Set up:** \`prefect-mcp-bun setup --client ${id}\``,
    ...(line ? [`- **Its own line:** \`${line(NAME, WORDS)}\``] : []),
    ...(id === "cursor" || id === "vscode" ? [`- **Link:** \`${installLinks()[id].own}\``] : []),
    `- **File:** ${where}`,
    `- **Variables that reach the server:** ${PASSING[passes]}`,
    `- **No question for tools that read:** ${typeof allowing === "object" && "byHand" in allowing ? `\`setup\` does not write it: ${String(allowing.byHand)}.` : `\`setup --client ${id} --allow\``}`,
    ...breaks.map((text) => `- **Where it breaks:** ${text}`),
    `- **How to look:** ${log}`,
    "",
    `\`\`\`${format}`,
    shown,
    "```",
    "",
  ].join("\n");
}

const INTRO = `# Clients

\`prefect-mcp-bun setup\` finds the clients of this list on this machine, shows what it would write, asks and writes it: with the absolute
paths of Bun and of the program, for the user and not for one project. \`--print\` only shows. Run again, it keeps flags, variables and other
members that were added to the entry by hand (\`--replace\` does not). A copy of each former text lies beside the file
(\`….before-prefect-mcp-bun\`, \`….before-prefect-mcp-bun.2\`), or, for a file in a git repository, in
\`~/.local/state/prefect-mcp-bun/client-files\`; \`--remove\` brings the first one back byte for byte, or takes out the entry alone
where something else has changed since. The entries below are what to write by hand, where \`bunx\` is on the client's PATH; a desktop
program usually needs its absolute path.

A profile of Prefect reaches every client, because it is in the home folder; variables of a shell do not. \`prefect-mcp-bun doctor\` starts
the server as a client does and calls a tool, once by itself and once by the command in the file of each client that has the server.

A server that runs in a container, for any client, after \`mkdir -p ~/.prefect-mcp-container\`:

\`\`\`sh
docker run -i --rm --user "$(id -u)" -e HOME=/data -v "$HOME/.prefect:/data/.prefect:ro" -v "$HOME/.prefect-mcp-container:/data/records" prefect-mcp-bun serve
\`\`\`

The image is that of [packaging](../packaging/README.md#container). \`--user\`, because only you may read Prefect's profiles; \`--network host\`
is needed too where Prefect runs on this computer, because 127.0.0.1 is the container itself.

<!-- Made from src/cli/setup/clients.ts by scripts/packaging/client-docs.ts. -->
`;

export function clientPage(): string {
  return `${INTRO}\n${CLIENTS.map(section).join("\n").trimEnd()}\n`;
}

if (import.meta.main) {
  const readme = join(ROOT, "README.md");
  writeFileSync(readme, withClientTable(readFileSync(readme, "utf8")));
  writeFileSync(join(ROOT, "docs", "clients.md"), clientPage());
}
