import type { ParsedRequestOf, ReplyOf } from '@slipway/contracts';
import type { Store } from '@slipway/persistence';
import { jobTable, measurementTable } from '../tables.js';

/** Jobs with all their times and, for verifications, what was measured; newest first. */
export async function showJobs(store: Store, request: ParsedRequestOf<'scheduler.jobs'>): Promise<ReplyOf<'scheduler.jobs'>> {
  const { limit, ...named } = request;
  const where = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
  return store.read(async (reader) => {
    const rows = await reader.find(jobTable, where, { orderBy: { queuedAt: 'desc', id: 'desc' }, limit });
    const verifies = rows.filter((row) => row.kind === 'verify').map((row) => row.id);
    const stored =
      verifies.length > 0 ? await reader.find(measurementTable, { jobId: verifies }, { orderBy: { at: 'asc', index: 'asc' } }) : [];
    const measured = Map.groupBy(stored, (measurement) => measurement.jobId);
    return {
      jobs: rows.map(({ config, metrics, retry: _, slots: __, occupies: ___, ...row }) => ({
        ...row,
        executor: config.type,
        ...(metrics
          ? {
              metrics: metrics.map((metric) => metric.name),
              measurements: (measured.get(row.id) ?? []).map(({ jobId: ____, ...measurement }) => measurement),
            }
          : {}),
      })),
    };
  });
}
