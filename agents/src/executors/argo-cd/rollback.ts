import type { JsonObject } from '@slipway/core';
import { autoSyncs, revisionsOf, sourcesOf, specSources, type Application, type HistoryEntry } from './application.js';
import type { ArgoRun } from './argo-run.js';
import { explicitRevisions } from './spec-changes.js';

/**
 * The entry of Argo CD's history that this run goes back to: when it is a rollback, the config says so, auto-sync is off, and what is wanted was
 * deployed before. Otherwise the run is a sync like any other, of an earlier version.
 */
export function rollbackEntry({ run, config }: ArgoRun, app: Application): HistoryEntry | undefined {
  const { job } = run.grant.spec.context as { job?: { rollback?: boolean } };
  if (config.rollback !== 'history' || job?.rollback !== true || autoSyncs(app.spec)) return undefined;
  const wanted = wantedRevisions(config);
  if (wanted.length === 0) return undefined;
  return app.status.history.findLast(
    (entry) =>
      entry.id !== undefined &&
      wanted.every(
        ({ position, revision }) =>
          revisionsOf(entry)[position - 1] === revision || sourcesOf(entry)[position - 1]?.['targetRevision'] === revision,
      ),
  );
}

/** Every revision that the config names, by position. */
function wantedRevisions(config: ArgoRun['config']): readonly { position: number; revision: string }[] {
  const { template, sourceChanges = [] } = config;
  const named = template
    ? specSources(template.spec as JsonObject).map((source, at) => ({ position: at + 1, revision: source['targetRevision'] }))
    : sourceChanges.map(({ position, targetRevision }) => ({ position: position ?? 1, revision: targetRevision }));
  const changed = named.filter((one): one is { position: number; revision: string } => typeof one.revision === 'string');
  return [...explicitRevisions(config), ...changed];
}
