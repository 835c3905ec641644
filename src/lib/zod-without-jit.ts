/**
 * Imported before any schema is made. zod writes and compiles a parser per schema at its first use; a process that answers a few
 * calls never gets back what that costs at the start (9 ms of 70 measured to the first answer, and no gain over thousands of calls).
 * The object is where zod itself keeps what `z.config()` sets; written directly, it holds whichever of the two is loaded first.
 */
const shared = globalThis as { __zod_globalConfig?: { jitless?: boolean } };
shared.__zod_globalConfig ??= {};
shared.__zod_globalConfig.jitless = true;

export {};
