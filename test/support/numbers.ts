/** Numbers as JSON may write them: of any length, with zeros at the end, with exponents, also those that no double holds. */
export function randomNumber(next: () => number): string {
  const below = (n: number) => Math.floor(next() * n);
  const digits = (length: number) => Array.from({ length }, () => below(10)).join("");
  const sign = next() < 0.3 ? "-" : "";
  const whole = next() < 0.3 ? "0" : `${1 + below(9)}${digits(below(next() < 0.3 ? 24 : 4))}`;
  const zeros = "0".repeat(next() < 0.3 ? below(8) : 0);
  const fraction = next() < 0.5 ? `.${zeros}${digits(1 + below(next() < 0.2 ? 22 : 3))}${next() < 0.3 ? "0" : ""}` : "";
  const signs = ["", "+", "-"] as const;
  const exponent = next() < 0.25 ? `${"eE"[below(2)]}${signs[below(3)]}${below(next() < 0.3 ? 400 : 12)}` : "";
  return `${sign}${whole}${fraction}${exponent}`;
}
