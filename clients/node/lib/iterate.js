/** An async iterator over what a connection receives, until this side closes it. */
export function iterate(connection) {
  return {
    async next() {
      try {
        return { value: await connection.receive(), done: false };
      } catch (e) {
        if (e.code === 'ILLEGAL_SESSION') return { value: undefined, done: true };
        throw e;
      }
    },
    async return() {
      return { value: undefined, done: true };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
