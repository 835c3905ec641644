/**
 * CSRF tokens of a self-hosted server. Off by default there, so none is asked for until a call is refused for want of one.
 * A second request for the same client id makes the first token invalid: the id is random per client and one token is
 * fetched at a time. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/csrf_token.py
 */
export interface CsrfToken {
  /** Headers for the next POST: empty until a token is held. */
  headers(): Readonly<Record<string, string>>;
  /** Whether this refusal asks for a token that we could get. */
  isAsked(status: number, text: string): boolean;
  /**
   * A fresh token, unless another call got one since `used` was sent. False when the server gives none (404, 422): it is not
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
    isAsked: (status, text) => !unsupported && status === 403 && /csrf|client identifier/i.test(text),
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
