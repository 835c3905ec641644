import type { ConfigFormat, FileFormat } from "./format.ts";

/** Parsers are large, and only `setup` needs them. */
export async function loadFormat(format: ConfigFormat): Promise<FileFormat> {
  if (format === "json") return (await import("./jsonc.ts")).jsoncFormat;
  if (format === "toml") return (await import("./toml.ts")).tomlFormat;
  return (await import("./yaml.ts")).yamlFormat;
}
