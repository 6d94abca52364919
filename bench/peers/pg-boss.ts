import { PgBoss } from 'pg-boss';
import type { OpenPeer } from './peer.js';

const ENQUEUE_BATCH = 1_000;
const QUEUE = 'noop';

/** pg-boss with NOTIFY and burst (without it a worker takes one batch per half second), fetching `batchSize` jobs at a time by `workers` workers; results are kept as it always does. */
export const openPgBoss =
  (batchSize: number, workers: number): OpenPeer =>
  async (connectionString, ran) => {
    const boss = new PgBoss({ connectionString, max: workers + 4, useListenNotify: true, supervise: false, schedule: false });
    await boss.start();
    await boss.createQueue(QUEUE, { notify: true });
    await boss.work(
      QUEUE,
      { batchSize, localConcurrency: workers, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5, notifyPollingIntervalSeconds: 0.5 },
      async (jobs: unknown[]) => {
        ran(jobs.length);
        return { outcome: 'succeeded' };
      },
    );
    return {
      async enqueue(jobs) {
        for (let at = 0; at < jobs; at += ENQUEUE_BATCH) {
          await boss.insert(
            QUEUE,
            Array.from({ length: Math.min(ENQUEUE_BATCH, jobs - at) }, (_, index) => ({ data: { index: at + index } })),
          );
        }
      },
      stop: () => boss.stop({ graceful: true, close: true }),
    };
  };
