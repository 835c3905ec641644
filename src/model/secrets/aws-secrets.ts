/** Secret keys of AWS have no prefix: they are recognized by 40 characters of mixed case (unlike a hash), in a value with a key id. */
import { redactionMark } from "./words/redaction-mark.ts";

const AWS_SECRET =
  /(?<![A-Za-z0-9+/=])(?=[A-Za-z0-9+/]*[A-Z])(?=[A-Za-z0-9+/]*[a-z])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=])/g;
const AWS_KEY_ID = redactionMark("aws-access-key-id");

export function hasAwsKeyId(text: string): boolean {
  return text.includes(AWS_KEY_ID);
}

export function replaceAwsSecrets(text: string): string {
  return text.length < 40 ? text : text.replace(AWS_SECRET, redactionMark("aws-secret-key"));
}
