import { describe, expect, test } from "bun:test";
import { closest, similarity } from "../../src/lib/similar.ts";

test("similarity decreases from equal texts over parts to misspellings; unrelated texts are not similar", () => {
  const scores = ["orders-etl", "orders-etl-2", "order-elt", "billing"].map((text) => similarity("Orders-ETL", text));
  expect(scores[0]).toBe(1);
  expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  expect(scores[3]).toBeLessThan(0.2);
});

test("the closest texts come first, without duplicates and unrelated ones", () => {
  expect(closest("nigthly", ["billing", "nightly", "nightly", "nightly-2"], 5)).toEqual(["nightly", "nightly-2"]);
  expect(closest("", ["a"], 5)).toEqual([]);
});

describe("the closest name to a misspelt one is the one that was meant", () => {
  const names = [
    ...["orders-etl", "orders-hourly", "orders-nightly", "billing-import", "customer-sync", "customer-sync-eu"],
    ...["ledger-close", "ledger-open", "load_customers", "load_orders", "wide-map", "etl-pool", "dead-pool"],
    ...["price-outer", "price-inner", "fetch-prices", "warehouse", "Completed", "Failed", "Cancelled", "Cancelling"],
    "AwaitingRetry",
  ];

  test.each([
    ["nigtly orders", "orders-nightly"],
    ["etl-orders", "orders-etl"],
    ["oders_etl", "orders-etl"],
    ["biling-imprt", "billing-import"],
    ["custmer-sync", "customer-sync"],
    ["sync-customer-eu", "customer-sync-eu"],
    ["load-customer", "load_customers"],
    ["ledgerclose", "ledger-close"],
    ["warehuose", "warehouse"],
    ["wdie-map", "wide-map"],
    ["prices", "fetch-prices"],
    ["awaiting retry", "AwaitingRetry"],
    ["cancled", "Cancelled"],
  ])("%s: %s", (given, meant) => {
    expect(closest(given, names, 1)).toEqual([meant]);
  });
});

test("of long texts only the beginning is compared, and of a text only some parts", () => {
  let parts = 0;
  const partsOf = (text: string) => {
    const all = text.split(".");
    parts = all.length;
    return all;
  };
  const long = `load-orders-${"x".repeat(1_000_000)}`;
  expect(closest("load-orders", [long, "other"], 3)).toEqual([long]);
  expect(closest(long, [long, "other"], 3)).toEqual([long]);
  expect(closest("orders", [`load.orders.${"x.".repeat(500_000)}`], 3, partsOf)).toHaveLength(1);
  expect(parts).toBeLessThanOrEqual(200);
});
