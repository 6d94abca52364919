import {
  checkExpressions,
  formatProblem,
  INVENTORY_KINDS,
  type DocumentChange,
  type DocumentProblem,
  type InventoryKind,
  type ReadDocument,
} from '@slipway/contracts';
import type { InventoryItem, Json, TargetsChange } from '@slipway/core';
import type { NumberedItem } from '../inventory/commit-changes.js';
import type { KnownInventory } from '../inventory/known-inventory.js';
import { planTargets } from '../targets/plan-targets.js';
import { checkMetrics } from './check-metrics.js';
import { checkPolicies } from './check-policies.js';
import { checkReferences } from './check-references.js';
import { checkVariables } from './check-variables.js';
import { differencesOf } from './differences.js';
import { NextInventory } from './next-inventory.js';

/** A document row to write: what was applied and what the feed carries. `null` is a removal. */
export interface DocumentWrite {
  kind: InventoryKind;
  name: string;
  written: Json | null;
  doc: Json | null;
}

export interface ApplyPlan {
  changes: DocumentChange[];
  warnings: string[];
  writes: DocumentWrite[];
  targets: TargetsChange[];
  /** Changes of the inventory in the order in which they are numbered: a mirror never meets a name before its document. */
  items: NumberedItem[];
}

function changeOf(kind: InventoryKind, name: string, next: NextInventory): { change: DocumentChange; write?: DocumentWrite } {
  const before = next.known.writtenOf(kind, name);
  const after = next.written(kind, name);
  const differences =
    before === undefined || after === undefined
      ? []
      : [...new Set([...differencesOf(before, after), ...differencesOf(next.known.docOf(kind, name), next.doc(kind, name))])];
  if (after === undefined) {
    if (before === undefined) return { change: { kind, name, verb: 'unchanged', differences } };
    return { change: { kind, name, verb: 'delete', differences }, write: { kind, name, written: null, doc: null } };
  }
  const write = { kind, name, written: after, doc: next.doc(kind, name) ?? after };
  if (before === undefined) return { change: { kind, name, verb: 'create', differences }, write };
  if (differences.length === 0) return { change: { kind, name, verb: 'unchanged', differences } };
  return { change: { kind, name, verb: 'update', differences }, write };
}

function itemsOf(writes: readonly DocumentWrite[], targets: readonly TargetsChange[]): NumberedItem[] {
  const item = ({ kind, name, doc }: DocumentWrite): NumberedItem => ({
    item: { kind, name, doc } as unknown as InventoryItem,
    verb: doc === null ? 'removed' : 'applied',
    told: { kind, name },
  });
  const of = (kind: InventoryKind, there: boolean): NumberedItem[] =>
    writes.filter((write) => write.kind === kind && (write.doc !== null) === there).map(item);
  return [
    ...INVENTORY_KINDS.flatMap((kind) => of(kind, true)),
    ...targets.map((doc): NumberedItem => ({
      item: { kind: 'targets', name: `${doc.deployment}/${doc.environment}`, doc },
      verb: 'changed',
      told: { deployment: doc.deployment, environment: doc.environment, added: doc.added.length, removed: doc.removed.length },
    })),
    ...[...INVENTORY_KINDS].reverse().flatMap((kind) => of(kind, false)),
  ];
}

/**
 * What applying these documents would do to the inventory. Problems found on the way are added to `problems`; with any, the plan must not
 * be carried out.
 */
export function planApply(known: KnownInventory, documents: readonly ReadDocument[], problems: DocumentProblem[]): ApplyPlan {
  const next = new NextInventory(known);
  for (const { written } of documents) next.lay(written.kind, written.name, written.doc as unknown as Json | null);
  const warnings: string[] = [];
  const sound = documents.filter((document) => {
    const checked = checkExpressions(document);
    const found = [...checked.problems, ...checkReferences(document, next)];
    problems.push(...found);
    warnings.push(...checked.warnings.map(formatProblem));
    return found.length === 0;
  });
  const refused: ApplyPlan = { changes: [], warnings, writes: [], targets: [], items: [] };
  if (sound.length < documents.length) return refused;
  next.resolve();
  const found = [checkPolicies(documents, next), checkMetrics(documents, next)];
  problems.push(...found.flatMap((one) => one.problems));
  warnings.push(...found.flatMap((one) => one.warnings));
  if (problems.length > 0) return refused;
  const targets = planTargets(next);
  const variables = checkVariables(documents, next, targets.changes);
  problems.push(...variables.problems);
  warnings.push(...targets.warnings, ...variables.warnings);
  if (variables.problems.length > 0) return refused;

  const planned = INVENTORY_KINDS.flatMap((kind) => [...next.plannedNames(kind)].map((name) => changeOf(kind, name, next)));
  const applied = new Set(documents.map(({ written }) => `${written.kind}/${written.name}`));
  const changes = planned.map(({ change }) => change).filter((c) => c.verb !== 'unchanged' || applied.has(`${c.kind}/${c.name}`));
  const writes = planned.flatMap(({ write }) => write ?? []);
  return { changes, warnings, writes, targets: targets.changes, items: itemsOf(writes, targets.changes) };
}
