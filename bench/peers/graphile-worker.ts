import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import type { OpenPeer } from './peer.js';

/** Jobs at once: what its own documentation's performance test uses. */
const CONCURRENCY = 24;
const ENQUEUE_BATCH = 1_000;

const silent = new Logger(() => () => undefined);

/** graphile-worker with its defaults; `results` writes a row per job, as anybody who has to know the outcome does. */
export const openGraphileWorker =
  (results: boolean): OpenPeer =>
  async (connectionString, ran) => {
    const utils = await makeWorkerUtils({ connectionString, logger: silent });
    await utils.migrate();
    await utils.withPgClient((pg) =>
      pg.query('create table result (job bigint primary key, outcome text not null, at timestamptz not null default now())'),
    );
    const runner = await run({
      connectionString,
      logger: silent,
      noHandleSignals: true,
      concurrency: CONCURRENCY,
      maxPoolSize: CONCURRENCY + 2,
      taskList: {
        noop: async (_payload, helpers) => {
          if (results)
            await helpers.withPgClient((pg) => pg.query("insert into result (job, outcome) values ($1, 'succeeded')", [helpers.job.id]));
          ran(1);
        },
      },
    });
    return {
      async enqueue(jobs) {
        for (let at = 0; at < jobs; at += ENQUEUE_BATCH) {
          const batch = Array.from({ length: Math.min(ENQUEUE_BATCH, jobs - at) }, (_, index) => ({
            identifier: 'noop',
            payload: { index: at + index },
          }));
          await utils.addJobs(batch);
        }
      },
      async stop() {
        await runner.stop();
        await utils.release();
      },
    };
  };
