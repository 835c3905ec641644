import type { McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";
import { sentence } from "../lib/shown-text.ts";
import { skillEntries } from "../resources/skills.ts";
import { invalidParamsError, shownUri } from "./protocol/protocol-errors.ts";

const listParams = z.looseObject({ cursor: z.string().optional() });
const getParams = z.looseObject({ uri: z.string() });
/** Skills change only with the version of the program. */
const CACHE = { ttlMs: 3_600_000, cacheScope: "public" } as const;

/** `skills/list` and `skills/get`; the files themselves are resources. All skills are on one page. */
export function offerSkills({ server }: McpServer): void {
  const cacheHint = () => ((server.getNegotiatedProtocolVersion() ?? "") >= "2026" ? CACHE : {});
  server.setRequestHandler("skills/list", { params: listParams }, ({ cursor }) => {
    if (cursor !== undefined) throw invalidParamsError(sentence`skills/list has one page and takes no cursor.`);
    return { skills: skillEntries(), ...cacheHint() };
  });
  server.setRequestHandler("skills/get", { params: getParams }, ({ uri }) => {
    const skill = skillEntries().find((one) => one.uri === uri);
    if (!skill)
      throw invalidParamsError(sentence`There is no skill ${shownUri(uri)}; skills/list names those there are.`);
    return { skill, ...cacheHint() };
  });
}
