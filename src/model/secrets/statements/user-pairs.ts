/** Replaces the password beside a user's name: `credentials: etl / …`, `u: etl p: …`, `username/password: etl/…`. */
import { NAMED_SECRET } from "../words/redaction-mark.ts";
import { isSecretValue, isUnlikeWord, looksGenerated } from "../words/secret-values.ts";

/** One of these is in every text that `replaceUserPairs` changes. */
export const PAIR_LITERALS: readonly string[] = [
  "credential",
  "^creds",
  "^cred:",
  "^login",
  "^log in",
  "logged in",
  "logging in",
  "^u/p",
  "^u:",
  "^u=",
  "user/",
  "username/",
  "username &",
  "and password",
  "^usr",
];

const LABEL =
  "\\b(?:credentials?|creds?|log(?:ged|ging)?[ -]?in(?: as)?|(?:u|usr|user(?:name)?)[ \\t]{0,2}[/&+|][ \\t]{0,2}p(?:w|wd|ass(?:word|wd)?)?|user(?:name)?[ \\t]{1,4}(?:and|&)[ \\t]{1,4}pass(?:word)?)";
const IS = "[\"'`]?[ \\t]{0,4}(?:[:=]|->|\\bare\\b|\\bis\\b|\\bwith\\b)?[ \\t]{0,4}";
const BETWEEN = "(?:[ \\t]{0,4}(?:[/:|,]|->)[ \\t]{0,4}|[ \\t]{1,4}(?:and|with|&)[ \\t]{1,4}|[ \\t]{1,4})";
const VALUE = "(?!-)([^\\s\"'`,;\\\\<>]{6,128})";
/** 1: up to the password, 2: what separates it from the user. */
const PAIR = new RegExp(`(${LABEL}${IS}[("'\`]?[A-Za-z_][\\w.@+-]{0,63}["'\`]?(${BETWEEN})["'\`]?)${VALUE}`, "gi");
/** A letter for each of the two. */
const LETTERS = new RegExp(
  `(\\b(?:u|usr|user(?:name)?|login)[ \\t]{0,4}[:=][ \\t]{0,4}["'\`]?[^\\s"'\`,;]{1,64}["'\`]?[ \\t,;/|]{1,8}pw?[ \\t]{0,4}[:=][ \\t]{0,4}["'\`]?)${VALUE}`,
  "gi",
);

function ownPart(secret: string): string {
  return secret.replace(/(?<![.!?)\]}])[.!?)\]}]+$/, "");
}

export function replaceUserPairs(text: string): string {
  return text
    .replace(PAIR, (whole: string, before: string, between: string, secret: string) => {
      const own = ownPart(secret);
      const isSecret =
        !own.startsWith("[redacted:") &&
        !own.includes("/") &&
        (/[/:]/.test(between) ? isUnlikeWord(own, "password") : looksGenerated(own));
      return isSecret ? before + NAMED_SECRET + secret.slice(own.length) : whole;
    })
    .replace(LETTERS, (whole: string, before: string, secret: string) => {
      const own = ownPart(secret);
      return isSecretValue(own, "password", "prose", false) ? before + NAMED_SECRET + secret.slice(own.length) : whole;
    });
}
