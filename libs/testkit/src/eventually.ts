import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 10;

type Truthy<T> = Exclude<T, false | undefined | null | 0 | ''>;

/**
 * Wait until the condition gives something truthy, and give that back. A condition that throws is tried again; at the deadline the
 * error names what was waited for and carries the last failure.
 */
export async function eventually<T>(name: string, condition: () => T | Promise<T>, deadlineMs = 5_000): Promise<Truthy<T>> {
  const end = performance.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      last = await condition();
      if (last) return last as Truthy<T>;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= end) {
      const saw = last instanceof Error ? last.message : JSON.stringify(last);
      throw new Error(
        `within ${deadlineMs} ms it did not come to pass that ${name}; last seen: ${saw}`,
        last instanceof Error ? { cause: last } : {},
      );
    }
    await delay(POLL_MS);
  }
}
