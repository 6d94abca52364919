/**
 * Puts concurrent requests into one unit of work: while one batch runs, the next collects. Alone, a request waits for nobody. When a batch
 * fails, its requests are tried one by one, so that one bad request never takes the others with it.
 */
export class MicroBatch<Q, A> {
  private waiting: { request: Q; resolve: (answer: A) => void; reject: (error: unknown) => void }[] = [];
  private running = false;

  constructor(
    private readonly serve: (requests: readonly Q[]) => Promise<readonly A[]>,
    private readonly sizeMax: number,
  ) {}

  ask(request: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ request, resolve, reject });
      if (!this.running) void this.run();
    });
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, this.sizeMax);
      if (!(await this.attempt(batch)) && batch.length > 1) for (const one of batch) await this.attempt([one], true);
    }
    this.running = false;
  }

  private async attempt(batch: typeof this.waiting, last = batch.length === 1): Promise<boolean> {
    try {
      const answers = await this.serve(batch.map(({ request }) => request));
      batch.forEach(({ resolve }, at) => resolve(answers[at] as A));
      return true;
    } catch (error) {
      if (last) for (const { reject } of batch) reject(error);
      return false;
    }
  }
}
