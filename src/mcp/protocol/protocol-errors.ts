/** Errors of the protocol, which clients show to people and models. Their texts are sentences, as those of tools are. */
import { ProtocolError, ProtocolErrorCode, ResourceNotFoundError } from "@modelcontextprotocol/server";
import type { AppError } from "../../errors.ts";
import { asPlace, own, quote, type Sentence, sentence } from "../../lib/shown-text.ts";

export function invalidParamsError(message: Sentence): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.InvalidParams, message);
}

export function internalError(message: Sentence, code: AppError["code"]): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.InternalError, message, { code });
}

export function resourceNotFound(uri: string, message: Sentence): ProtocolError {
  return new ResourceNotFoundError(uri, message);
}

export function methodNotFound(message: Sentence = own("Method not found")): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.MethodNotFound, message);
}

/** The client of the request does not declare an extension that it uses, revision 2026-07-28. */
export function missingExtension(extension: string): ProtocolError {
  const requiredCapabilities = { extensions: { [extension]: {} } };
  const code = ProtocolErrorCode.MissingRequiredClientCapability;
  return new ProtocolError(code, own("Missing required client capability"), { requiredCapabilities });
}

const MAX_URI_LENGTH = 500;

export function shownUri(uri: string): Sentence {
  return /^[!-;=?-~]{1,500}$/.test(uri) ? asPlace(uri) : quote(uri, MAX_URI_LENGTH);
}

export const LISTS = own("resources/list and resources/templates/list name them.");

/** Message and hint in one line. */
export function wholeText({ sentence: message, ownHint: hint }: Pick<AppError, "sentence" | "ownHint">): Sentence {
  return hint === undefined ? message : sentence`${message} ${hint}`;
}
