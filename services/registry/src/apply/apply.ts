import { documentsInvalid, readDocuments, type ParsedRequestOf, type ReplyOf } from '@slipway/contracts';
import type { InventoryChange, Json, TargetsChange } from '@slipway/core';
import type { Store, Tx } from '@slipway/persistence';
import type { Clock } from '@slipway/runtime';
import { commitChanges, INVENTORY_LOCK } from '../inventory/commit-changes.js';
import { loadRevision, type KnownInventory } from '../inventory/known-inventory.js';
import { documents, targets, type TargetRow } from '../tables.js';
import { planApply, type ApplyPlan, type DocumentWrite } from './plan-apply.js';

export interface ApplyDeps {
  store: Store;
  clock: Clock;
  known: KnownInventory;
}

/** Rows that one removal names. */
const REMOVE_ROWS = 1_000;

async function writeDocuments(
  tx: Tx,
  writes: readonly DocumentWrite[],
  revisions: ReadonlyMap<string, number>,
  by: string,
  at: number,
): Promise<void> {
  const revisionOf = ({ kind, name }: DocumentWrite): number => revisions.get(`${kind}/${name}`) ?? 0;
  const present = writes.filter((write) => write.doc !== null);
  const absent = writes.filter((write) => write.doc === null);
  if (present.length > 0)
    await tx.put(
      documents,
      present.map((write) => ({
        kind: write.kind,
        name: write.name,
        written: write.written as Json,
        doc: write.doc as Json,
        revision: revisionOf(write),
        changedAt: at,
        changedBy: by,
      })),
    );
  if (absent.length > 0)
    await tx.patch(
      documents,
      absent.map((write) => ({
        kind: write.kind,
        name: write.name,
        revision: revisionOf(write),
        changedAt: at,
        changedBy: by,
        removedAt: at,
      })),
    );
}

async function writeTargets(tx: Tx, planned: readonly TargetsChange[], committed: readonly InventoryChange[]): Promise<void> {
  const revisions = new Map(committed.flatMap(({ item, revision }) => (item.kind === 'targets' ? [[item.doc, revision] as const] : [])));
  const added: TargetRow[] = [];
  for (const change of planned) {
    const { deployment, environment } = change;
    for (let i = 0; i < change.removed.length; i += REMOVE_ROWS)
      await tx.remove(targets, { deployment, environment, resource: change.removed.slice(i, i + REMOVE_ROWS) });
    const revision = revisions.get(change) ?? 0;
    for (const resource of change.added) added.push({ deployment, environment, resource, revision });
  }
  if (added.length > 0) await tx.put(targets, added);
}

async function carryOut(tx: Tx, plan: ApplyPlan, by: string, at: number): Promise<InventoryChange[]> {
  const committed = await commitChanges(tx, plan.items, at);
  const revisions = new Map(committed.map(({ item, revision }) => [`${item.kind}/${item.name}`, revision]));
  await writeDocuments(tx, plan.writes, revisions, by, at);
  await writeTargets(tx, plan.targets, committed);
  return committed;
}

const count = (changes: readonly TargetsChange[], which: 'added' | 'removed'): number =>
  changes.reduce((sum, change) => sum + change[which].length, 0);

/**
 * Apply documents, all or nothing; with `dryRun` only tell what would change. Throws `registry.documents.invalid` with every problem of
 * every file.
 */
export async function applyDocuments(
  { store, clock, known }: ApplyDeps,
  request: ParsedRequestOf<'registry.apply'>,
  by: string,
): Promise<ReplyOf<'registry.apply'>> {
  const read = readDocuments(request.files);
  const { plan, committed, revision } = await store.transaction(async (tx) => {
    await tx.lock(INVENTORY_LOCK);
    const problems = [...read.problems];
    const planned = planApply(await known.current(tx), read.documents, problems);
    if (problems.length > 0) throw documentsInvalid(inOrder(problems, request.files));
    const done = request.dryRun ? [] : await carryOut(tx, planned, by, clock.now());
    return { plan: planned, committed: done, revision: done.at(-1)?.revision ?? (await loadRevision(tx)) };
  });
  known.take(
    committed,
    new Map(plan.writes.flatMap(({ kind, name, written }) => (written === null ? [] : [[`${kind}/${name}`, written] as const]))),
  );
  return {
    changes: plan.changes,
    warnings: plan.warnings,
    targets: { added: count(plan.targets, 'added'), removed: count(plan.targets, 'removed') },
    revision,
  };
}

/** As a person reads the files: by file, then by line. */
function inOrder<P extends { file: string; line: number; column: number }>(problems: P[], files: readonly { file: string }[]): P[] {
  const position = new Map(files.map(({ file }, i) => [file, i]));
  return problems.sort((a, b) => (position.get(a.file) ?? 0) - (position.get(b.file) ?? 0) || a.line - b.line || a.column - b.column);
}
