export interface BodyHooks {
  /** Bytes that may wait for a slow reader before the reader is disconnected. */
  readonly maxWaiting: number;
  /** Sent at once, so that the client learns that its stream is open before anything else is sent. */
  readonly first?: string;
  /** The stream ends when this aborts. */
  readonly until?: AbortSignal;
  /** Without a reader the source is still read to its end, and `onEnd` waits for that. */
  readonly outlivesReader?: boolean;
  /** The reader was too slow and has been disconnected. */
  onOverflow(): void;
  /** Called once, however the stream ends. */
  onEnd(): void;
}

/**
 * Passes a body on without ever blocking its source: a reader that leaves more than `maxWaiting` bytes unread is disconnected,
 * so that one slow reader cannot make this process buffer without limit.
 */
export function boundedBody(source: ReadableStream<Uint8Array>, hooks: BodyHooks): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  let isOver = false;
  let isDetached = false;
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
          if (!isDetached) controller.close();
          return;
        }
        if (isDetached) continue;
        controller.enqueue(value);
        if ((controller.desiredSize ?? 0) < 0) {
          isDetached = true;
          hooks.onOverflow();
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
      if (!isDetached) controller.error(error);
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
          if (!isDetached) controller.close();
        };
        hooks.until?.addEventListener("abort", stop, { once: true });
        void pump(controller);
      },
      async cancel(reason) {
        isDetached = true;
        if (hooks.outlivesReader) return;
        end();
        await reader.cancel(reason).catch(() => undefined);
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: hooks.maxWaiting }),
  );
}
