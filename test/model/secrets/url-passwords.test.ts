import { describe, expect, test } from "bun:test";
import { createRedactor } from "../../../src/model/secrets/redact.ts";
import { seededRandom } from "../../support/random.ts";
import { password } from "./secret-samples.ts";

const redact = createRedactor({ credentials: [] });
const MARK = "[redacted:url-password]";

describe("passwords in URLs", () => {
  test.each([
    ["postgresql://etl:", "@db.internal:5432/prefect?ssl=1"],
    ["postgresql+asyncpg://etl:", "@db/prefect failed"],
    ["'mysql://etl:", "@[fd00::1]:3306/a'"],
    ["redis://:", "@cache:6379/0,"],
    ["amqps://svc:", "@mq.example.com//"],
    ["mongodb+srv://etl:", "@c0.mongodb.net/?retryWrites=true"],
    ["snowflake://me@example.com:", "@acme-eu1/db"],
    ['{"url": "https://bot:', '@git.example.com/r.git", "mail": "ada@example.com"}'],
    ['{\\"url\\": \\"https://bot:', '@git.example.com/r.git\\"}'],
    ["proxy http://user:", "@proxy.local:3128 refused"],
    ["(see ftp://u:", "@files)"],
    ["jdbc:postgresql://u:", "@{host}/db"],
  ])("are replaced whatever their signs are: %s…%s", (before, after) => {
    const random = seededRandom(before.length * 100 + after.length);
    for (let round = 0; round < 200; round += 1) {
      const secret = password(random, 8 + Math.floor(random() * 24), "/#?@:!$&*+=%~.-_");
      expect(redact.text(`${before}${secret}${after}`)).toBe(`${before}${MARK}${after}`);
    }
  });

  test("are replaced in text for URLs", () => {
    expect(redact.text("next=postgres%3A%2F%2Fetl%3Ahunter2%23x%40db%2Fa")).toBe(
      `next=postgres%3A%2F%2Fetl%3A${MARK}%40db%2Fa`,
    );
  });

  test("and keys in place of a user are replaced", () => {
    const key = password(seededRandom(4), 40, "_-");
    expect(redact.text(`https://${key}@git.example.com/r`)).toBe("https://[redacted:url-token]@git.example.com/r");
    expect(redact.text(`https://${key}:@api.example.com`)).toBe("https://[redacted:url-token]:@api.example.com");
  });

  test.each([
    "http://127.0.0.1:4200/api/flow_runs?mail=ada@example.com",
    "http://prefect:4200/api/@x",
    "http://localhost:4873/@scope/pkg@1.2.3",
    "https://example.com/@ada",
    "https://example.com/a:b@c",
    "postgresql://db:5432/prefect?user=ada@example.com",
    "ssh://git@github.com:22/org/repo@v1",
    "git@github.com:org/repo.git",
    "docker://python:3.12@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "http://a:80,http://b:80 and mail x@example.com",
    "see http://example.com: mail me@example.com",
    "{'url': 'http://h:80', 'mail': 'ada@example.com'}",
    `postgresql://etl:\${PASSWORD}@db/prefect`,
    "postgresql://etl:{password}@db/prefect",
    "redis://:****@cache:6379",
    "s3://bucket/key@2026",
    "https://user@example.com/path",
  ])("text without credentials is kept: %s", (text) => {
    expect(redact.text(text)).toBe(text);
  });
});
