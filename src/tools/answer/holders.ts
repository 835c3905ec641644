/** Most holders of a limit that an answer names. */
export const MAX_HOLDERS = 5;
