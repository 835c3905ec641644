/**
 * What this program is, for every file that describes it to an installer. package.json is the one place for name, version, description,
 * licence, keywords, and for `repository`, `homepage` and `bugs`, which are left out of all files until they are filled in there.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { prefectSettings } from "../../src/config/schema-prefect.ts";
import { settingMetas } from "../../src/config/setting.ts";

export const ROOT = join(import.meta.dir, "..", "..");

const Link = z.union([z.string(), z.object({ url: z.string() }).transform(({ url }) => url)]);
const Manifest = z.object({
  name: z.string(),
  version: z.string(),
  description: z.string(),
  license: z.string(),
  mcpName: z.string(),
  keywords: z.array(z.string()),
  repository: Link.optional(),
  homepage: z.string().optional(),
  bugs: Link.optional(),
});

export interface Variable {
  readonly name: string;
  /** For a form. */
  readonly title: string;
  readonly description: string;
  readonly isSecret: boolean;
}

export interface About extends Omit<z.infer<typeof Manifest>, "repository"> {
  readonly title: string;
  readonly author: string;
  /** https address of the repository, without `.git`. */
  readonly repository: string | undefined;
  /** Key of the server in the configuration of a client. */
  readonly serverName: string;
  /** The command of a computer with Bun. */
  readonly command: string;
  readonly args: readonly string[];
  /** The container image with its tag. */
  readonly image: string;
  readonly variables: readonly Variable[];
}

/** What a form of a client asks for. A profile of Prefect needs none of it. */
const TITLES = {
  PREFECT_API_URL: "API URL",
  PREFECT_API_KEY: "API key (Prefect Cloud)",
  PREFECT_API_AUTH_STRING: "Basic authentication (self-hosted)",
  PREFECT_PROFILE: "Profile",
} as const;

/** `text`: of package.json. */
export function aboutProgram(text = readFileSync(join(ROOT, "package.json"), "utf8")): About {
  const { repository, ...manifest } = Manifest.parse(JSON.parse(text));
  // The registry reserves `io.github.<account>/` for the account that publishes: https://modelcontextprotocol.io/registry/authentication
  const account = /^io\.github\.([^/]+)\//.exec(manifest.mcpName)?.[1];
  if (account === undefined) throw new Error("mcpName in package.json does not begin with io.github.<account>/");
  return {
    ...manifest,
    title: "Prefect",
    author: `${manifest.name} contributors`,
    repository: repository?.replace(/^git\+/, "").replace(/\.git$/, ""),
    serverName: "prefect",
    command: "bunx",
    args: [manifest.name],
    image: `ghcr.io/${account}/${manifest.name}:${manifest.version}`,
    variables: Object.entries(TITLES).map(([name, title]) => {
      const meta = settingMetas.get(prefectSettings[name as keyof typeof TITLES]);
      if (meta === undefined) throw new Error(`${name} is not a setting`);
      return { name, title, description: meta.description.replaceAll("`", ""), isSecret: meta.isSecret ?? false };
    }),
  };
}

/** `bun scripts/packaging/about.ts image` prints one of its texts, for scripts. */
if (import.meta.main) console.log(aboutProgram()[process.argv[2] as "image"]);
