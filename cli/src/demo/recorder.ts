import type { NatsConnection } from '@nats-io/transport-node';

/** One event of the story, as it went over the wire. */
export interface RecordedEvent {
  subject: string;
  at: number;
  body: Record<string, unknown>;
}

/** Hears everything that happens, wakes those who wait for something, and keeps it for the report. */
export class Recorder {
  readonly events: RecordedEvent[] = [];
  private wakers = new Set<() => void>();

  constructor(
    nats: NatsConnection,
    private readonly now: () => number,
  ) {
    nats.subscribe('slipway.evt.>', {
      callback: (error, message) => {
        if (error) return;
        this.events.push({ subject: message.subject, at: this.now(), body: message.json<Record<string, unknown>>() });
        for (const wake of this.wakers) wake();
      },
    });
  }

  /** Events whose subject has this form (`*` is one token, `>` the rest). */
  matching(pattern: string): RecordedEvent[] {
    const test = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^.]+').replace('>', '.+')}$`);
    return this.events.filter((event) => test.test(event.subject));
  }

  /** Resolves at the next event, or after this long. */
  next(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.wakers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.wakers.add(done);
    });
  }
}
