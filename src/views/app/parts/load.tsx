/** The answer of one call, drawn again when the record changes; waiting, error and empty states are drawn too. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ViewCall } from "../../calls.ts";
import { visible, visibleAnswer } from "../answers/visible.ts";
import { type Args, CallError, type Connection, type Structured } from "../connection/connection.ts";

/** With both, the error is that of a later call, and the answer the last one to the same question. */
type Loaded =
  | { readonly question: string; readonly answer: Structured; readonly error?: CallError }
  | { readonly question: string; readonly error: CallError }
  | null;

/** Null while the first answer is awaited. Later answers replace it without a gap; an error leaves it in the page. */
export function useAnswer(connection: Connection, tool: string, args: Args): Loaded {
  const [loaded, setLoaded] = useState<Loaded>(null);
  const question = JSON.stringify([tool, args]);
  useEffect(() => {
    let isCurrent = true;
    const load = () =>
      connection.call(tool, args).then(
        (answer) => isCurrent && setLoaded({ question, answer: visibleAnswer(answer) }),
        (thrown: unknown) => {
          const error = thrown instanceof CallError ? thrown : new CallError({ message: String(thrown) });
          if (isCurrent)
            setLoaded((before) => (before?.question === question ? { ...before, error } : { question, error }));
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
  const isAnswered = loaded !== null && "answer" in loaded;
  return (
    <>
      {title && !isAnswered && <h1>{title}</h1>}
      {loaded === null && <p role="status">Loading…</p>}
      {loaded?.error && (
        <div role="alert" class="problem">
          <p>{visible(loaded.error.message)}</p>
          {loaded.error.hint && <p>{visible(loaded.error.hint)}</p>}
          {isAnswered && <p>What follows is the last answer before that.</p>}
        </div>
      )}
      {isAnswered && children(loaded.answer)}
    </>
  );
}
