import { describe, expect, test } from "bun:test";
import { decodeCursor, encodeCursor, type Question, questionIn } from "../../../src/tools/answer/cursor.ts";
import { countTokens } from "../../support/tokens.ts";

const HERE = { instance: "http://127.0.0.1:4200/api" };
const asked = { tool: "read_events", order: "desc", filter: { event: { prefix: ["prefect."] } } };
const question = questionIn(HERE, asked);
const position = [1_787_217_300_000_123, -5, 0, "3e6119f6-1227-432c-82f6-099bdaa38b12", "a name ü", null];

describe("cursor", () => {
  test("returns its position", () => {
    expect(decodeCursor(question, encodeCursor(question, position))).toEqual(position);
  });

  test("is the same for arguments in another order, and for absent and undefined ones", () => {
    const same = { filter: { event: { prefix: ["prefect."] } }, limit: undefined, order: "desc", tool: "read_events" };
    expect(decodeCursor(questionIn(HERE, same), encodeCursor(question, [1]))).toEqual([1]);
  });

  test("is refused with a hint when it is damaged, invalid or of other arguments or another workspace", () => {
    const cursor = encodeCursor(question, position);
    const bad: [Question, string, string][] = [
      [questionIn(HERE, { ...asked, order: "asc" }), cursor, "cursor belongs to other arguments"],
      [questionIn({ instance: "http://127.0.0.1:4201/api" }, asked), cursor, "cursor belongs to other arguments"],
      [question, `${cursor.slice(0, -3)}AAA`, "cursor is damaged"],
      [question, cursor.slice(0, 20), "cursor is damaged"],
      [question, "abc", "cursor is not from this server"],
      [question, "not base64 at all!", "cursor is not from this server"],
      [question, "", "cursor is not from this server"],
    ];
    for (const [other, given, message] of bad) {
      expect(() => decodeCursor(other, given)).toThrow(
        expect.objectContaining({ code: "invalid_input", message, hint: expect.stringContaining("next_cursor") }),
      );
    }
  });

  test("is short", () => {
    const us = 1_787_217_300_000_123;
    const cursor = encodeCursor(question, [us, us, us, "3e6119f6-1227-432c-82f6-099bdaa38b12"]);
    expect(cursor.length).toBeLessThanOrEqual(70);
    expect(countTokens(cursor)).toBeLessThanOrEqual(60);
  });
});
