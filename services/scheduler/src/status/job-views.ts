import type { ParsedRequestOf, ReplyOf } from '@slipway/contracts';
import { judgeAll, type MetricSpec } from '@slipway/core';
import type { Store } from '@slipway/persistence';
import { jobTable, measurementTable, type JobRow, type MeasurementRow } from '../tables.js';

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
        ...(metrics ? measuredView(row, metrics, measured.get(row.id) ?? []) : {}),
      })),
    };
  });
}

/** What was measured, and what that says of each metric so far. */
function measuredView(row: Pick<JobRow, 'finishedAt'>, metrics: readonly MetricSpec[], rows: readonly MeasurementRow[]): object {
  const measurements = rows.map(({ jobId: _, ...measurement }) => measurement);
  const { perMetric } = judgeAll(metrics, measurements, { ended: row.finishedAt !== undefined });
  const judged = metrics.map(({ name, dryRun }) => ({ metric: name, ...perMetric[name], ...(dryRun ? { dryRun } : {}) }));
  return { metrics: metrics.map((metric) => metric.name), judged, measurements };
}
