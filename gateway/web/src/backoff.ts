// How long to wait before trying again.

/** The first wait is at most this long: a restart of the gateway takes about as much. */
export const BACKOFF_MS_FIRST = 500;
/** No wait is longer: a person is looking at the page. */
export const BACKOFF_MS_MAX = 15_000;

/**
 * Milliseconds before the try after `failures` failed ones. Half of it is random, so that a thousand pages that lost
 * the same gateway do not come back in the same moment.
 */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  const ceiling = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_FIRST * 2 ** Math.min(failures, 16));
  return ceiling / 2 + random() * (ceiling / 2);
}
