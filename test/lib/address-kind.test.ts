import { describe, expect, test } from "bun:test";
import { addressKind, isAddressText } from "../../src/lib/address-kind.ts";

/** First and last address of each block of the IANA registries of special-purpose addresses, and of multicast and reserved space. */
const SPECIAL_PURPOSE = [
  ["0.0.0.0/8", "0.0.0.0", "0.255.255.255", "forbidden"],
  ["10.0.0.0/8", "10.0.0.0", "10.255.255.255", "private"],
  ["100.64.0.0/10", "100.64.0.0", "100.127.255.255", "private"],
  ["127.0.0.0/8", "127.0.0.0", "127.255.255.255", "loopback"],
  ["169.254.0.0/16", "169.254.0.0", "169.254.255.255", "forbidden"],
  ["172.16.0.0/12", "172.16.0.0", "172.31.255.255", "private"],
  ["192.0.0.0/24", "192.0.0.0", "192.0.0.255", "forbidden"],
  ["192.0.0.0/29", "192.0.0.0", "192.0.0.7", "forbidden"],
  ["192.0.0.8/32", "192.0.0.8", "192.0.0.8", "forbidden"],
  ["192.0.0.9/32", "192.0.0.9", "192.0.0.9", "forbidden"],
  ["192.0.0.10/32", "192.0.0.10", "192.0.0.10", "forbidden"],
  ["192.0.0.170/31", "192.0.0.170", "192.0.0.171", "forbidden"],
  ["192.0.2.0/24", "192.0.2.0", "192.0.2.255", "forbidden"],
  ["192.31.196.0/24", "192.31.196.0", "192.31.196.255", "forbidden"],
  ["192.52.193.0/24", "192.52.193.0", "192.52.193.255", "forbidden"],
  ["192.88.99.0/24", "192.88.99.0", "192.88.99.255", "forbidden"],
  ["192.168.0.0/16", "192.168.0.0", "192.168.255.255", "private"],
  ["192.175.48.0/24", "192.175.48.0", "192.175.48.255", "forbidden"],
  ["198.18.0.0/15", "198.18.0.0", "198.19.255.255", "forbidden"],
  ["198.51.100.0/24", "198.51.100.0", "198.51.100.255", "forbidden"],
  ["203.0.113.0/24", "203.0.113.0", "203.0.113.255", "forbidden"],
  ["224.0.0.0/4", "224.0.0.0", "239.255.255.255", "forbidden"],
  ["240.0.0.0/4", "240.0.0.0", "255.255.255.254", "forbidden"],
  ["255.255.255.255/32", "255.255.255.255", "255.255.255.255", "forbidden"],
  ["::/128", "::", "::", "forbidden"],
  ["::1/128", "::1", "::1", "loopback"],
  ["::/96", "::2", "::ffff:ffff", "forbidden"],
  ["64:ff9b:1::/48", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["100::/64", "100::", "100::ffff:ffff:ffff:ffff", "forbidden"],
  ["100:0:0:1::/64", "100:0:0:1::", "100::1:ffff:ffff:ffff:ffff", "forbidden"],
  ["2001::/23", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["2001::/32", "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["2001:1::1/128", "2001:1::1", "2001:1::1", "forbidden"],
  ["2001:1::2/127", "2001:1::2", "2001:1::3", "forbidden"],
  ["2001:2::/48", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["2001:3::/32", "2001:3::", "2001:3:ffff:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["2001:4:112::/48", "2001:4:112::", "2001:4:112:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["2001:10::/28", "2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["2001:20::/28", "2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["2001:30::/28", "2001:30::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["2002::/16", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["2620:4f:8000::/48", "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["3fff::/20", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["4000::/2", "4000::", "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["5f00::/16", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["8000::/2", "8000::", "bfff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["fc00::/7", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private"],
  ["fe80::/10", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["fec0::/10", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "forbidden"],
  ["ff00::/8", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "forbidden"],
] as const;

describe("addressKind", () => {
  test.each(SPECIAL_PURPOSE)("%s is not public", (_, first, last, kind) => {
    expect([addressKind(first), addressKind(last)]).toEqual([kind, kind]);
  });

  test.each(["2001:4860::5efe:127.0.0.1", "2001:4860::200:5efe:169.254.169.254", "2600::5efe:8.8.8.8"])(
    "%s leads through a tunnel to an IPv4 address, and is not public",
    (address) => expect(addressKind(address)).toBe("forbidden"),
  );

  test.each(SPECIAL_PURPOSE.filter(([block]) => !block.includes(":")))(
    "%s has the same kind as IPv4 address in IPv6",
    (_, first, last, kind) => {
      for (const prefix of ["::ffff:", "::ffff:0:", "64:ff9b::"]) {
        expect([prefix + first, addressKind(prefix + first), addressKind(prefix + last)]).toEqual([
          prefix + first,
          kind,
          kind,
        ]);
      }
    },
  );

  test.each([
    "1.0.0.0",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.17",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "::ffff:0:808:808",
    "64:ff9b::808:808",
    "2000::1",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2003::1",
    "3ffe::1",
    "3fff:1000::1",
  ])("%s, outside of them, is public", (address) => {
    expect(addressKind(address)).toBe("public");
  });

  test.each([
    ["100.100.100.200", "Alibaba"],
    ["168.63.129.16", "Azure"],
    ["169.254.169.254", "most clouds"],
    ["192.0.0.192", "Oracle"],
    ["fd00:ec2::254", "Amazon"],
    ["fd20:ce::254", "Google"],
    ["fd00:c1::a9fe:a9fe", "Oracle"],
    ["::ffff:a9fe:a9fe", "most clouds, mapped"],
    ["64:ff9b::a9fe:a9fe", "most clouds, NAT64"],
    ["2002:a9fe:a9fe::1", "most clouds, 6to4"],
    ["64:ff9b:1:a9fe:a9:fe00::1", "most clouds, local NAT64"],
  ])("%s, the metadata service of %s, is forbidden", (address) => {
    expect(addressKind(address)).toBe("forbidden");
  });

  test("an address next to a cloud's service is private like the rest of its range", () => {
    expect([addressKind("100.100.100.201"), addressKind("fd20:cf::254")]).toEqual(["private", "private"]);
  });

  test("a zone does not change the kind", () => {
    expect(addressKind("fe80::1%eth0")).toBe("forbidden");
  });

  test.each([
    "300.1.1.1",
    "1.2.3",
    "127.1",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "2130706433",
    "1::2::3",
    "12345::1",
    "2a00::300.1.1.1",
    "2001:4860::12zz",
    "",
    "localhost",
  ])("%p is no address", (text) => {
    expect(addressKind(text)).toBe("unknown");
  });
});

test("a host is an address when it looks like one", () => {
  expect(["1.2.3.4", "300.1.1.1", "::1", "localhost", "1.2.3.4.example.com"].filter(isAddressText)).toEqual([
    "1.2.3.4",
    "300.1.1.1",
    "::1",
  ]);
});
