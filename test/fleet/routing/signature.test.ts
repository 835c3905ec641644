import { expect, test } from "bun:test";
import { FleetSignatures, tenantKey } from "../../../src/fleet/routing/signature.ts";

const SECRET = "a secret of tests, long enough for a fleet";
const REQUEST = { method: "POST", path: "/mcp", headers: ["application/json", "", "key"], body: '{"id":1}' };

test("a signature is accepted once, by the session that it is for", () => {
  const sender = new FleetSignatures(SECRET);
  const { header, envelope } = sender.sign("from", "to", "ip:10.0.0.1", REQUEST);
  const receiver = new FleetSignatures(SECRET);
  expect(receiver.verify(header, "another", REQUEST)).toBeNull();
  expect(receiver.verify(header, "to", REQUEST)).toEqual(envelope);
  expect(receiver.verify(header, "to", REQUEST)).toBeNull();
  expect(envelope).toEqual({ from: "from", counter: 1, callerId: "ip:10.0.0.1" });
});

test("a signature covers method, path, headers, body, sender, counter and caller", () => {
  const sender = new FleetSignatures(SECRET);
  const { header } = sender.sign("from", "to", "a", REQUEST);
  const [version, from, counter, caller, mac] = header.split(".");
  const other = Buffer.from("b").toString("base64url");
  const changed = [
    { ...REQUEST, method: "GET" },
    { ...REQUEST, path: "/mcp?x" },
    { ...REQUEST, headers: ["application/json", "key", ""] },
    { ...REQUEST, body: '{"id":2}' },
  ];
  const receiver = new FleetSignatures(SECRET);
  for (const request of changed) expect(receiver.verify(header, "to", request)).toBeNull();
  for (const forged of [
    [version, "x", counter, caller, mac],
    [version, from, "2", caller, mac],
    [version, from, "01", caller, mac],
    [version, from, counter, other, mac],
    ["2", from, counter, caller, mac],
    [version, from, counter, caller, mac, "x"],
    [version, from, counter, caller, "x"],
    [],
  ]) {
    expect(receiver.verify(forged.join("."), "to", REQUEST)).toBeNull();
  }
  expect(new FleetSignatures(`${SECRET}.`).verify(header, "to", REQUEST)).toBeNull();
  expect(receiver.verify(header, "to", REQUEST)).not.toBeNull();
});

test("requests may overtake each other, and an old one that was lost cannot be sent again for ever", () => {
  const sender = new FleetSignatures(SECRET);
  const sign = () => sender.sign("from", "to", "a", REQUEST).header;
  const receiver = new FleetSignatures(SECRET);
  const lost = sign();
  const [first, second] = [sign(), sign()];
  expect(receiver.verify(second, "to", REQUEST)).not.toBeNull();
  expect(receiver.verify(first, "to", REQUEST)).not.toBeNull();
  let last = "";
  for (let n = 0; n < 70_000; n += 1) last = sign();
  expect(receiver.verify(last, "to", REQUEST)).not.toBeNull();
  expect(receiver.verify(lost, "to", REQUEST)).toBeNull();
});

test("an answer is accepted only from the node that was asked, for this request and status", () => {
  const sender = new FleetSignatures(SECRET);
  const { envelope } = sender.sign("from", "to", "a", REQUEST);
  const answer = new FleetSignatures(SECRET).signAnswer("to", envelope, 200, true);
  expect(sender.verifyAnswer(answer, "to", envelope, 200)).toBe(true);
  expect(sender.verifyAnswer(answer, "to", envelope, 500)).toBeNull();
  expect(sender.verifyAnswer(answer, "another", envelope, 200)).toBeNull();
  expect(sender.verifyAnswer(answer, "to", { ...envelope, counter: 2 }, 200)).toBeNull();
  expect(sender.verifyAnswer(answer.replace("owner", "other"), "to", envelope, 200)).toBeNull();
  expect(sender.verifyAnswer(null, "to", envelope, 200)).toBeNull();
  const refused = new FleetSignatures(SECRET).signAnswer("to", envelope, 421, false);
  expect(sender.verifyAnswer(refused, "to", envelope, 421)).toBe(false);
});

test("a tenant's key depends on every part and on the secret", () => {
  const keys = [
    tenantKey(SECRET, ["own", "http://p/api", "key", "abc"]),
    tenantKey(SECRET, ["caller", "http://p/api", "key", "abc"]),
    tenantKey(SECRET, ["caller", "http://p/api", "key", "abd"]),
    tenantKey(SECRET, ["caller", "http://p/apik", "ey", "abc"]),
    tenantKey(`${SECRET}.`, ["own", "http://p/api", "key", "abc"]),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  expect(keys[0]).toMatch(/^[0-9a-f]{40}$/);
});
