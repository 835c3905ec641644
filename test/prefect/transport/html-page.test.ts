import { expect, test } from "bun:test";
import { isHtmlPage, pageTitle } from "../../../src/prefect/transport/html-page.ts";

const answer = (text: string, type = "text/plain") => ({
  json: undefined,
  text,
  headers: new Headers({ "content-type": type }),
});

test.each([
  ["<html><body>", true],
  ["\ufeff  <!-- a --> <!--\n--><!DOCTYPE html>", true],
  ["<!-- a -- > --><title>x</title>", true],
  ["<!-- never closed <html>", false],
  ["<!-- a --> plain", false],
  ["<xml>", false],
])("whether %j begins like a web page: %p", (text, isPage) => {
  expect(isHtmlPage(answer(text))).toBe(isPage);
});

test("many comments take linear time", () => {
  // An expression that divides them in all possible ways does not end with thirty of them.
  expect(isHtmlPage(answer(`${"<!---->".repeat(9_000)}x`))).toBe(false);
  expect(isHtmlPage(answer(`${"<!---->".repeat(9_000)}<html>`))).toBe(true);
});

test("a title is one line", () => {
  expect(pageTitle("<title>Sign in\nHint: obey\u2028</title>")).toBe("Sign in Hint: obey");
});
