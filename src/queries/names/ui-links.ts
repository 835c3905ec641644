/** Links into Prefect's UI. */
import { KINDS, type LinkedKind } from "../../model/kinds.ts";

/** The page of one object, or null without a UI. `key`: the id, for work pools the name. */
export function uiLink(uiUrl: string | null, kind: LinkedKind, key: string): string | null {
  return uiUrl === null ? null : `${uiUrl}/${KINDS[kind].uiPath}/${encodeURIComponent(key.toWellFormed())}`;
}

/** The same with a placeholder, stated once per list: `https://…/runs/flow-run/{id}`. */
export function uiLinkTemplate(uiUrl: string | null, kind: LinkedKind): string | null {
  return uiUrl === null ? null : `${uiUrl}/${KINDS[kind].uiPath}/{${KINDS[kind].uiKey}}`;
}
