/** Replaces communities, keys and passwords in settings of network devices and of servers of their protocols. */
import { NAMED_SECRET } from "../words/redaction-mark.ts";
import { hasSentenceWord, isSecretValue, looksRandom } from "../words/secret-values.ts";

interface Statement {
  /** Is in every such statement. */
  readonly literal: string;
  /** The words before the secret. */
  readonly words: string;
  /** The words also begin sentences: only a value that looks random is a secret. */
  readonly isCommon?: boolean;
}

/** https://www.cisco.com/c/en/us/td/docs/ios-xml/ios/security/a1/sec-a1-cr-book.html, https://www.net-snmp.org/docs/man/snmpd.conf.html */
const STATEMENTS: readonly Statement[] = [
  { literal: "snmp-server", words: "snmp-server[ \\t]{1,4}community" },
  { literal: "snmp-agent", words: "snmp-agent[ \\t]{1,4}community[ \\t]{1,4}(?:read|write)(?:[ \\t]{1,4}cipher)?" },
  { literal: "snmp community", words: "snmp community" },
  { literal: "rocommunity", words: "rocommunity6?" },
  { literal: "rwcommunity", words: "rwcommunity6?" },
  { literal: "enable secret", words: "enable secret", isCommon: true },
  { literal: "enable password", words: "enable password", isCommon: true },
  { literal: "tacacs", words: "tacacs(?:-server)?[ \\t](?:[^\\n]{0,80}[ \\t])?key" },
  { literal: "radius", words: "radius(?:-server)?[ \\t](?:[^\\n]{0,80}[ \\t])?key" },
  { literal: "key-string", words: "key-string" },
  { literal: "isakmp key", words: "isakmp key" },
  {
    literal: "authentication-key",
    words: "authentication-key(?:[ \\t]{1,4}\\d{1,5}[ \\t]{1,4}(?:md5|sha\\w{0,8}))?",
    isCommon: true,
  },
  { literal: "message-digest-key", words: "message-digest-key[ \\t]{1,4}\\d{1,3}[ \\t]{1,4}md5" },
  {
    literal: "pre-shared-key",
    words: "pre-shared-key(?:[ \\t]{1,4}(?:ascii-text|hexadecimal|local|remote))?",
    isCommon: true,
  },
  { literal: "wpa-psk", words: "wpa-psk[ \\t]{1,4}(?:ascii|hex)" },
  {
    literal: "authentication ",
    words: "(?:standby|vrrp)[ \\t]{1,4}\\d{1,3}[ \\t]{1,4}authentication(?:[ \\t]{1,4}(?:text|md5 key-string))?",
    isCommon: true,
  },
  { literal: "chap password", words: "chap password" },
  { literal: "chap hostname", words: "chap hostname[ \\t]{1,4}\\S{1,64}[ \\t]{1,4}password" },
  { literal: "requirepass", words: "requirepass" },
  { literal: "masterauth", words: "masterauth" },
  { literal: "auth default", words: "AUTH default", isCommon: true },
];

export const DEVICE_LITERALS: readonly string[] = [
  ...STATEMENTS.map(({ literal }) => literal),
  "setuser",
  " on >",
  "username ",
  "^wifi:",
];

/** 1: up to the secret, with the number of its encoding, 2: the secret. */
const expressions = (chosen: readonly Statement[]) =>
  new RegExp(
    `(\\b(?:${chosen.map(({ words }) => words).join("|")})["']?[ \\t]{1,20}(?:(?:level[ \\t]{1,4})?\\d{1,2}[ \\t]{1,4}|ENC[ \\t]{1,4}){0,2}["']?)([^\\s"'\\\\]{3,128})`,
    "gi",
  );
const CLEAR = expressions(STATEMENTS.filter(({ isCommon }) => isCommon !== true));
const COMMON = expressions(STATEMENTS.filter(({ isCommon }) => isCommon === true));
/** A user of a device: `username admin privilege 15 secret 5 …`. */
const DEVICE_USER =
  /(\busername[ \t]{1,4}\S{1,64}[ \t]{1,4}(?:privilege[ \t]{1,4}\d{1,2}[ \t]{1,4})?(?:password|secret)[ \t]{1,4}\d{1,2}[ \t]{1,4})([^\s"'\\]{3,128})/gi;
/** Passwords of users of Redis: https://redis.io/docs/latest/commands/acl-setuser/ */
const REDIS_USER =
  /(\b(?:setuser|user)[ \t]{1,4}\S{1,64}(?:[ \t]{1,4}[^\s>]\S{0,64}){0,8}[ \t]{1,4}["']?>)([^\s"'\\]{3,128})/gi;

/** What a code for a camera holds: https://github.com/zxing/zxing/wiki/Barcode-Contents */
const WIFI = /(\bWIFI:(?:[THSR]:(?:[^;\\\n]|\\.){0,64};){0,4}P:)((?:[^;\\\s]|\\[^\s]){3,128})(?=;)/g;

export function replaceDeviceSecrets(text: string): string {
  const replace = (isCommon: boolean) => (whole: string, before: string, secret: string) => {
    const isSecret = isCommon
      ? looksRandom(secret, 6)
      : isSecretValue(secret, "password", "assigned", false) && !hasSentenceWord(secret);
    return isSecret ? before + NAMED_SECRET : whole;
  };
  return text
    .replace(CLEAR, replace(false))
    .replace(COMMON, replace(true))
    .replace(DEVICE_USER, replace(false))
    .replace(REDIS_USER, replace(false))
    .replace(WIFI, replace(false));
}
