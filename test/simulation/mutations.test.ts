import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MUTATIONS, mutate } from "./mutations.ts";

test.each(MUTATIONS.map((mutation) => [mutation.name, mutation] as const))(
  "the mutation still applies: %s",
  (_name, mutation) => {
    const text = readFileSync(join(import.meta.dir, "../..", mutation.file), "utf8");
    expect(mutate(text, mutation)).not.toBeNull();
  },
);
