export interface StreamHooks {
  /** Bytes that may wait for a slow reader before it is cut. */
  readonly maxWaiting: number;
  /** Sent at once, so that the client learns that its stream is open before anything happens. */
  readonly first?: string;
  /** The stream ends when this aborts. */
  readonly until?: AbortSignal;
  /** What fills the source goes on without a reader: it is read to its end, and `onEnd` waits for that. */
  readonly outlivesReader?: boolean;
  /** The reader was too slow and has been cut. */
  onCut(): void;
  /** Once, however it ends. */
  onEnd(): void;
}

/**
 * Hands a body on without ever holding it back: what a reader does not take in time is dropped together with the reader,
 * instead of being kept for as long as it likes.
 */
export function boundedBody(source: ReadableStream<Uint8Array>, hooks: StreamHooks): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  let isOver = false;
  let isLeft = false;
  const end = () => {
    if (isOver) return;
    isOver = true;
    hooks.onEnd();
  };
  const pump = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (isOver) return;
        if (done) {
          end();
          if (!isLeft) controller.close();
          return;
        }
        if (isLeft) continue;
        controller.enqueue(value);
        if ((controller.desiredSize ?? 0) < 0) {
          isLeft = true;
          hooks.onCut();
          controller.error(new Error("the reader is too slow"));
          if (hooks.outlivesReader) continue;
          end();
          await reader.cancel().catch(() => undefined);
          return;
        }
      }
    } catch (error) {
      if (isOver) return;
      end();
      if (!isLeft) controller.error(error);
    }
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (hooks.first !== undefined) controller.enqueue(new TextEncoder().encode(hooks.first));
        const stop = () => {
          if (isOver) return;
          end();
          void reader.cancel().catch(() => undefined);
          if (!isLeft) controller.close();
        };
        hooks.until?.addEventListener("abort", stop, { once: true });
        void pump(controller);
      },
      async cancel(reason) {
        isLeft = true;
        if (hooks.outlivesReader) return;
        end();
        await reader.cancel(reason).catch(() => undefined);
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: hooks.maxWaiting }),
  );
}
