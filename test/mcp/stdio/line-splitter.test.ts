import { describe, expect, test } from "bun:test";
import { LineSplitter } from "../../../src/mcp/stdio/line-splitter.ts";
import { expectLinear } from "../../support/time/growth.ts";

describe("line splitter", () => {
  const split = (splitter: LineSplitter, ...pieces: (string | Uint8Array)[]) =>
    pieces.flatMap((piece) => [...splitter.take(typeof piece === "string" ? Buffer.from(piece) : piece)]);

  test("yields whole lines, however the bytes are cut", () => {
    const bytes = Buffer.from("ä\n\n日本\r\nlast");
    for (let size = 1; size <= bytes.length; size += 1) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
        bytes.subarray(n * size, (n + 1) * size),
      );
      expect(split(new LineSplitter(100), ...pieces)).toEqual(["ä", "", "日本\r"]);
    }
  });

  test("accepts a line at the limit; a longer one throws before it is complete, in one chunk and in several", () => {
    expect(split(new LineSplitter(4), "1234\n12", "34\n")).toEqual(["1234", "1234"]);
    for (const pieces of [["12345\n"], ["12345"], ["123", "45"], ["123", "45\n"]]) {
      expect(() => split(new LineSplitter(4), ...pieces)).toThrow("A message is longer than 4 bytes");
    }
  });

  test("takes a line in very many chunks in time proportional to its length", () => {
    const splitter = new LineSplitter(10_000_000);
    const piece = Buffer.from("x".repeat(100));
    const take = (chunks: number) => {
      for (let n = 0; n < chunks; n += 1) split(splitter, piece);
      expect(split(splitter, "\n")[0]).toHaveLength(chunks * 100);
    };
    expectLinear(take, 10_000);
  });
});
