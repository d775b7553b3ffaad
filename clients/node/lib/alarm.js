// What a timer of Node.js can hold, 24 days. Beyond that it would go off at once.
const longest = 2 ** 31 - 1;

/** A timer, to be cleared; none if the time is longer than that or not given. */
export const alarm = (ring, milliseconds) => (milliseconds ?? Infinity) <= longest ? setTimeout(ring, milliseconds) : undefined;
