import { expect, test } from "bun:test";
import { baseUrlOf, parseHttpUrl } from "../../src/lib/http-url.ts";

test("a text is an http URL, or is refused", () => {
  for (const text of ["", "prefect", "ftp://host/api", "//host/api", "http://"]) expect(parseHttpUrl(text)).toBeNull();
  expect(parseHttpUrl(" HTTPS://Host/api ")?.href).toBe("https://host/api");
});

test("every spelling of a base URL becomes the same text", () => {
  for (const text of ["http://host:80/api/", "HTTP://user:pass@Host/api//?a=1#b"]) {
    expect(baseUrlOf(parseHttpUrl(text) as URL)).toBe("http://host/api");
  }
});
