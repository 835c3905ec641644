/**
 * Finds the object that a caller names by a UUID, by the beginning of one, by a link into Prefect's UI, or by its name. The
 * record is searched first, then Prefect.
 */

import { AppError, toAppError } from "../../errors.ts";
import {
  asName,
  asNames,
  counted,
  joined,
  own,
  quote,
  type Sentence,
  sentence,
  withArticle,
} from "../../lib/shown-text.ts";
import { closest } from "../../lib/similar.ts";
import { formatIsoSeconds } from "../../lib/time.ts";
import { isUuid } from "../../lib/uuid.ts";
import { KINDS, type NamedKind, resourceId } from "../../model/kinds.ts";
import { fullName } from "../../model/objects/full-name.ts";
import type { RecordDb } from "../../store/database.ts";
import {
  findByIdPrefix,
  findByName,
  findByParentName,
  findKnownNames,
  findResourceName,
  MAX_NAMED,
  type NamedRow,
} from "../../store/objects/names.ts";
import type { QueryContext } from "../source/context.ts";
import { readById, readByName } from "./live-names.ts";
import { parseLink } from "./name-links.ts";

export interface ResolvedName {
  readonly id: string;
  readonly name: string;
  /** Name of the flow of a deployment, or of the pool of a queue, where it is known. */
  readonly parent?: string;
}

/** At least four hex digits, because shorter ones are often ordinary words. */
const ID_PREFIX = /^[0-9a-f]{4}[0-9a-f-]{0,31}$/i;
const SHORT_PREFIX = /^[0-9a-f]{1,3}$/i;
/** No name or link is longer. The limit bounds the time of comparing the text with every known name. */
const LONGEST = 1_000;

/**
 * The one object that `text` names. Throws AppError `invalid_input` when it names several (the hint lists them) or is a link to
 * something else, `not_found` (the hint lists similar names) when neither the record nor Prefect has it, and errors of the
 * request.
 */
export async function resolveName(ctx: QueryContext, kind: NamedKind, text: string): Promise<ResolvedName> {
  const given = text.trim();
  if (given === "") throw new AppError("invalid_input", `an empty text names no ${KINDS[kind].label}`);
  if (given.length > LONGEST) {
    throw new AppError(
      "invalid_input",
      sentence`a text of ${counted(given.length, "character")} names no ${KINDS[kind].label}`,
      {
        hint: sentence`Give at most ${LONGEST} characters: an id, its beginning, a UI link or a name.`,
      },
    );
  }
  const link = parseLink(given);
  if (link !== null && link.kind !== kind) {
    throw new AppError(
      "invalid_input",
      sentence`${quote(given)} is ${withArticle(KINDS[link.kind].label)}, not ${withArticle(KINDS[kind].label)}`,
    );
  }
  const key = link?.key ?? given;
  if (isUuid(key)) return resolveId(ctx, kind, key.toLowerCase());
  const db = ctx.record();
  const [parent, name] = splitParent(kind, key);
  const recorded = db ? recordedRows(db, kind, key, name, parent) : [];
  if (recorded.length > 0) return only(kind, given, recorded);
  const isFlowName = kind === "deployment" && parent === undefined;
  const ofFlow = db && isFlowName ? findByParentName(db, kind, key) : [];
  if (ofFlow.length > 0) return onlyOfFlow(given, ofFlow);
  const read = async (one: string | undefined, ofParent: string | undefined) => {
    try {
      return await readByName(ctx, kind, one, ofParent);
    } catch (error) {
      throw noAnswer(db, kind, given, toAppError(error));
    }
  };
  const found = await read(name, parent);
  if (found.length > 0) return only(kind, given, found);
  const foundOfFlow = isFlowName ? await read(undefined, key) : [];
  if (foundOfFlow.length > 0) return onlyOfFlow(given, foundOfFlow);
  throw unknown(db, kind, given);
}

/** The deployment of a flow that has only one. Throws AppError `invalid_input` when it has several. */
function onlyOfFlow(given: string, rows: readonly NamedRow[]): ResolvedName {
  const existing = rows.filter((row) => !row.isDeleted);
  const [first] = existing.length > 0 ? existing : rows;
  if (first && existing.length <= 1) return resolved(first);
  throw new AppError(
    "invalid_input",
    sentence`${quote(given)} is a flow with ${atLeast(existing)}${counted(existing.length, "deployment")}`,
    {
      hint: sentence`Give one of them: ${listed(existing)}.`,
    },
  );
}

/** `flow/deployment` or `pool/queue`. Names contain no slash. */
function splitParent(kind: NamedKind, key: string): [string | undefined, string] {
  const slash = KINDS[kind].parent === null ? -1 : key.lastIndexOf("/");
  return slash < 0 ? [undefined, key] : [key.slice(0, slash), key.slice(slash + 1)];
}

/** Rows of that name, otherwise rows whose id begins with it. */
function recordedRows(
  db: RecordDb,
  kind: NamedKind,
  key: string,
  name: string,
  parent: string | undefined,
): NamedRow[] {
  const named = findByName(db, kind, name, parent);
  if (named.length > 0 || !ID_PREFIX.test(key)) return named;
  return findByIdPrefix(db, kind, key);
}

async function resolveId(ctx: QueryContext, kind: NamedKind, id: string): Promise<ResolvedName> {
  const db = ctx.record();
  const [recorded] = db ? findByIdPrefix(db, kind, id) : [];
  if (recorded) return resolved(recorded);
  const named = db ? findResourceName(db, resourceId(kind, id)) : null;
  if (named?.name) return { id, name: named.name };
  try {
    const [found] = await readById(ctx, kind, id);
    if (found) return resolved(found);
  } catch (error) {
    if (named === null) throw toAppError(error);
  }
  // Events of it are recorded, but its name is not.
  if (named !== null) return { id, name: id };
  throw unknown(db, kind, id);
}

/** The only row, or the only one that is not deleted. Throws when there are several. */
function only(kind: NamedKind, given: string, rows: readonly NamedRow[]): ResolvedName {
  const existing = rows.filter((row) => !row.isDeleted);
  const meant = existing.length > 0 ? existing : rows;
  const [first] = meant;
  if (first && meant.length === 1) return resolved(first);
  const form = PARENT_FORM[kind];
  throw new AppError(
    "invalid_input",
    sentence`${quote(given)} names ${atLeast(meant)}${counted(meant.length, KINDS[kind].label, KINDS[kind].plural)}`,
    {
      hint: sentence`Give the id${form === undefined ? "" : sentence` or the ${form}`} of one: ${listed(meant)}.`,
    },
  );
}

/** How the name of an object with a parent is given, so that it names one object. */
const PARENT_FORM: Partial<Record<NamedKind, Sentence>> = {
  deployment: sentence`flow/deployment`,
  work_queue: sentence`pool/queue`,
};

/** At most so many rows were read. */
function atLeast({ length }: readonly NamedRow[]): Sentence {
  return own(length >= MAX_NAMED ? "at least " : "");
}

function listed(rows: readonly NamedRow[]): Sentence {
  return sentence`${joined(rows.slice(0, 10).map(candidate), "; ")}${rows.length > 10 ? " and more" : ""}`;
}

function candidate(row: NamedRow): Sentence {
  const when = row.beginUs === null ? "" : sentence` of ${formatIsoSeconds(row.beginUs)}`;
  return sentence`${asName(nameOfRow(row))}${when} (${asName(row.id)})`;
}

function resolved({ id, name, parent }: Pick<NamedRow, "id" | "name" | "parent">): ResolvedName {
  return { id, name, ...(parent === null ? {} : { parent }) };
}

function nameOfRow({ name, parent }: Pick<NamedRow, "name" | "parent">): string {
  return fullName(parent, name);
}

/** The error when Prefect does not answer. Its hint lists similar names of the record. */
function noAnswer(db: RecordDb | null, kind: NamedKind, given: string, cause: AppError): AppError {
  if (db === null || !cause.retryable) return cause;
  const { ownHint: hint } = unknown(db, kind, given);
  return new AppError(
    cause.code,
    sentence`no ${KINDS[kind].label} ${quote(given)} is recorded, and Prefect does not answer (${cause.sentence})`,
    {
      cause,
      ...(hint === undefined ? {} : { hint }),
      ...(cause.retryAfterMs === undefined ? {} : { retryAfterMs: cause.retryAfterMs }),
    },
  );
}

function unknown(db: RecordDb | null, kind: NamedKind, given: string): AppError {
  const near = db ? closest(given, findKnownNames(db, kind).map(nameOfRow), 5, (name) => name.split("/")) : [];
  const suggestion = near.length > 0 ? sentence`Nearest names: ${asNames(near)}. ` : "";
  const other = parentOf(kind, given);
  const length = SHORT_PREFIX.test(given) ? "The beginning of an id needs at least 4 digits. " : "";
  return new AppError("not_found", sentence`no ${KINDS[kind].label} ${quote(given)}`, {
    hint: sentence`${other ?? sentence`${length}${suggestion}`}${KINDS[kind].listedBy} lists all ${KINDS[kind].plural}.`,
  });
}

/** What to write instead, where a flow or a pool is given as `flow/deployment` or `pool/queue`: no name of theirs contains a slash. */
function parentOf(kind: NamedKind, given: string): Sentence | null {
  const slash = given.indexOf("/");
  const child = CHILD_OF[kind];
  if (child === undefined || slash <= 0 || parseLink(given) !== null) return null;
  const instead = child === "deployment" ? sentence` or deployment: ${quote(given)}` : "";
  const [article, form] = [withArticle(KINDS[child].label), PARENT_FORM[child] ?? own("")];
  return sentence`This has the form of ${article} (${form}): write ${kind}: ${quote(given.slice(0, slash))}${instead}. `;
}

const CHILD_OF: Partial<Record<NamedKind, NamedKind>> = { flow: "deployment", work_pool: "work_queue" };
