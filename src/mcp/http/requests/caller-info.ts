import type { AuthInfo } from "@modelcontextprotocol/server";

/**
 * A caller's label in the form in which the SDK hands it to the handler of a request (`ctx.http.authInfo`). The caller is authenticated
 * before; its token is not passed on.
 */
export function callerInfo(callerId: string): AuthInfo {
  return { token: "", clientId: callerId, scopes: [] };
}
