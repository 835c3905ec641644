import { expect, test } from "bun:test";
import { checkWebhookTarget } from "../../src/prefect/webhook-target.ts";
import { failureOf } from "../support/failure-of.ts";

const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  "hooks.example": ["93.184.215.14"],
  "intern.example": ["10.1.2.3"],
  "metadata.example": ["169.254.169.254"],
  "two.example": ["127.0.0.1", "93.184.215.14"],
  localhost: ["127.0.0.1", "::1"],
};
const lookup = (host: string) => Promise.resolve(ADDRESSES[host] ?? []);
const check = (url: string, allowed: readonly string[] = []) => checkWebhookTarget(url, { allowed, lookup });

test.each([
  ["https://hooks.example/services/a?token=b"],
  ["http://127.0.0.1:9000/hook"],
  ["http://localhost:9000/hook"],
  ["https://[::1]/hook"],
])("%s is allowed", async (url) => {
  expect((await check(url)).href).toBe(url);
});

test.each([
  ["hooks.example", "it is no URL"],
  ["ftp://hooks.example/", "it is not an http(s) URL"],
  ["https://me:word@hooks.example/", "it contains user info"],
  ["http://hooks.example/", "only https is allowed, except on loopback"],
  ["https://intern.example/", "its address is private"],
  ["https://192.168.1.4/", "its address is private"],
  ["https://metadata.example/", "link-local"],
  ["https://169.254.169.254/latest", "link-local"],
  ["https://[::ffff:169.254.169.254]/", "link-local"],
  ["https://two.example/", "loopback and other addresses"],
])("%s is refused: %s", async (url, why) => {
  expect(await failureOf(check(url))).toMatchObject({
    code: "invalid_config",
    message: expect.stringContaining(why),
  });
});

test("a listed host may be private and plain, but never a metadata service", async () => {
  expect((await check("http://intern.example:8080/hook", ["intern.example"])).host).toBe("intern.example:8080");
  expect((await check("http://10.1.2.3:8080/hook", ["10.1.2.3:8080"])).host).toBe("10.1.2.3:8080");
  expect(await failureOf(check("http://metadata.example/", ["metadata.example"]))).toMatchObject({
    code: "invalid_config",
  });
});

test("a name that does not resolve may be tried again", async () => {
  expect(await failureOf(check("https://nowhere.example/"))).toMatchObject({ code: "unavailable" });
});
