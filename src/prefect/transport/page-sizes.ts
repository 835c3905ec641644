/** Most events that one page of the events routes may have; more is a 422. Checked on Prefect 3.8.8. */
export const EVENTS_PER_PAGE = 50;

/**
 * Most rows that one page of the other list routes has unless an administrator changed it (`PREFECT_SERVER_API_DEFAULT_LIMIT`).
 * Callers ask for at most this many; a server with a lower cap is asked for smaller pages (`pages.ts`).
 */
export const ROWS_PER_PAGE = 200;
