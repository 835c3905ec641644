/**
 * CSRF tokens of a self-hosted server. The server's default is not to require one, so none is fetched until a call is refused for
 * lack of it. A second token for the same client id makes the first one invalid: the id is random per client, and one token is fetched
 * at a time. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/csrf_token.py
 */
export interface CsrfToken {
  /** Headers for the next POST: empty until a token is held. */
  headers(): Readonly<Record<string, string>>;
  /** Whether this answer refuses a call for lack of a token, and the server may have one. */
  isRequiredBy(status: number, text: string): boolean;
  /**
   * Fetches a token, unless another call has done so since `used` was sent. False when the server gives none (404, 422); it is not
   * asked again.
   */
  renew(used: Readonly<Record<string, string>>, deadlineMs: number): Promise<boolean>;
}

export function createCsrfToken(
  enabled: boolean,
  fetchToken: (client: string, deadlineMs: number) => Promise<string | null>,
): CsrfToken {
  const client = crypto.randomUUID();
  let token: string | null = null;
  let unsupported = !enabled;
  let pending: Promise<string | null> | null = null;
  const headers = (): Readonly<Record<string, string>> =>
    token === null ? {} : { "Prefect-Csrf-Token": token, "Prefect-Csrf-Client": client };

  return {
    headers,
    isRequiredBy: (status, text) => !unsupported && status === 403 && /csrf|client identifier/i.test(text),
    async renew(used, deadlineMs) {
      if (used["Prefect-Csrf-Token"] !== headers()["Prefect-Csrf-Token"]) return true;
      pending ??= fetchToken(client, deadlineMs).finally(() => {
        pending = null;
      });
      token = await pending;
      if (token === null) unsupported = true;
      return token !== null;
    },
  };
}
