export interface BackoffOptions {
  firstMs: number;
  maxMs: number;
}

/** Waits that double from the first to the longest, each shortened by up to a third at random, so that what failed together does not return together. */
export class Backoff {
  private nextMs: number;

  constructor(
    private readonly options: BackoffOptions,
    private readonly random: () => number,
  ) {
    this.nextMs = options.firstMs;
  }

  /** How long to wait now. */
  next(): number {
    const wait = this.nextMs;
    this.nextMs = Math.min(wait * 2, this.options.maxMs);
    return Math.round(wait * (1 - this.random() / 3));
  }

  /** It worked: begin anew. */
  reset(): void {
    this.nextMs = this.options.firstMs;
  }
}
