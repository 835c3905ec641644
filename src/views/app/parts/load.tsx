/** The answer of one call, drawn again when the record changes; waiting, error and empty states are drawn too. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ViewCall } from "../../calls.ts";
import { visible, visibleAnswer } from "../answers/visible.ts";
import { type Args, CallError, type Connection, type Structured } from "../connection/connection.ts";

type Loaded = { readonly answer: Structured } | { readonly error: CallError } | null;

/** Null while the first answer is awaited. Later answers replace it without a gap. */
export function useAnswer(connection: Connection, tool: string, args: Args): Loaded {
  const [loaded, setLoaded] = useState<Loaded>(null);
  const question = JSON.stringify([tool, args]);
  useEffect(() => {
    let isCurrent = true;
    const load = () =>
      connection.call(tool, args).then(
        (answer) => isCurrent && setLoaded({ answer: visibleAnswer(answer) }),
        (error: unknown) => {
          if (isCurrent)
            setLoaded({ error: error instanceof CallError ? error : new CallError({ message: String(error) }) });
        },
      );
    void load();
    const stop = connection.onChange(() => void load());
    return () => {
      isCurrent = false;
      stop();
    };
  }, [connection, question]);
  return loaded;
}

export function useCall(connection: Connection, { tool, args }: ViewCall): Loaded {
  return useAnswer(connection, tool, args);
}

interface LoadingProps {
  readonly loaded: Loaded;
  /** The page's heading while there is no answer to make one of. */
  readonly title?: string;
  children(answer: Structured): ComponentChildren;
}

export function Loading({ loaded, title, children }: LoadingProps) {
  if (loaded !== null && "answer" in loaded) return <>{children(loaded.answer)}</>;
  return (
    <>
      {title && <h1>{title}</h1>}
      {loaded === null ? (
        <p role="status">Loading…</p>
      ) : (
        <div role="alert" class="problem">
          <p>{visible(loaded.error.message)}</p>
          {loaded.error.hint && <p>{visible(loaded.error.hint)}</p>}
        </div>
      )}
    </>
  );
}
