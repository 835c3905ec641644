/** When a test or hook is ended. Far longer than any takes on a busy machine. */
export const TEST_LIMIT_MS = 1_200_000;
