/** Two connected streams in this process: what one end writes, the other reads. */
export function makePipe() {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 1000 });
  const writer = writable.getWriter();
  return {
    readable,
    write: (data: string | Uint8Array): Promise<void> =>
      writer.write(typeof data === "string" ? Buffer.from(data) : data),
    end: (): Promise<void> => writer.close(),
  };
}
