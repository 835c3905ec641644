import type { LogFields, Logger } from "../../lib/logger.ts";
import type { Redact } from "./redact.ts";

/** A logger that replaces secrets: errors quote Prefect's answers and what flows wrote. */
export function redactLogger(logger: Logger, redact: Pick<Redact, "text" | "object">): Logger {
  const at =
    (level: keyof Logger) =>
    (message: string, fields?: LogFields): void =>
      logger[level](redact.text(message), fields && redact.object(fields));
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
