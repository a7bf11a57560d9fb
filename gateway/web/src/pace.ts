// How fast something moves, and how long the rest takes. Takes time as an argument.

/** How far back the speed looks: long enough to be calm, short enough to notice a change of network. */
const HALF_LIFE_MS = 4_000;
/** Nothing is said before this much was seen. */
const SEEN_MS_MIN = 800;

/** A speed, averaged so that what is old counts less and less. */
export class Pace {
  #atMs: number | undefined;
  #amount = 0;
  #seenMs = 0;
  #weightedAmount = 0;
  #weightedMs = 0;

  /** Says that `amount` is reached at `atMs`. Going back starts anew. */
  add(atMs: number, amount: number): void {
    if (this.#atMs === undefined || amount < this.#amount) {
      this.#atMs = atMs;
      this.#amount = amount;
      this.#seenMs = this.#weightedAmount = this.#weightedMs = 0;
      return;
    }
    const passedMs = atMs - this.#atMs;
    if (passedMs <= 0) {
      return;
    }
    const keep = 0.5 ** (passedMs / HALF_LIFE_MS);
    this.#weightedAmount = this.#weightedAmount * keep + (amount - this.#amount);
    this.#weightedMs = this.#weightedMs * keep + passedMs;
    this.#seenMs += passedMs;
    this.#atMs = atMs;
    this.#amount = amount;
  }

  /** Amount per second; `undefined` until enough was seen or while nothing moves. */
  get perSecond(): number | undefined {
    if (this.#seenMs < SEEN_MS_MIN || this.#weightedAmount <= 0) return undefined;
    return (this.#weightedAmount / this.#weightedMs) * 1000;
  }

  /** Milliseconds until `total` is reached; `undefined` while unknown. */
  etaMs(total: number): number | undefined {
    const speed = this.perSecond;
    return speed === undefined ? undefined : (Math.max(0, total - this.#amount) / speed) * 1000;
  }
}
