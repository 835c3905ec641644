import { customType } from "drizzle-orm/sqlite-core";

/** A BLOB, as bun:sqlite returns it. */
export const blob = customType<{ data: Uint8Array }>({ dataType: () => "blob" });
