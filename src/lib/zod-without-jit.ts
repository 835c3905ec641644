/**
 * Switches off zod's compiler; must be imported before any schema is created. zod generates and compiles a parser per schema at its
 * first use. That takes longer than it saves in a process that answers a few calls (9 of 70 ms to the first answer), and saves nothing
 * measurable over thousands of calls. zod keeps the settings of `z.config()` in this global object; it is set directly, so that it does
 * not matter whether zod or this file is loaded first.
 */
const shared = globalThis as { __zod_globalConfig?: { jitless?: boolean } };
shared.__zod_globalConfig ??= {};
shared.__zod_globalConfig.jitless = true;

export {};
