import {
  didYouMean,
  metricUsesOf,
  type DocumentProblem,
  type InventoryKind,
  type ReadDocument,
  type WrittenDeployment,
  type WrittenPolicy,
} from '@slipway/contracts';
import type { DeploymentDoc, EnvironmentDoc, ResourceDoc } from '@slipway/core';
import type { NextInventory } from './next-inventory.js';

function missing(next: NextInventory, kind: InventoryKind, name: string): string {
  const known = [...next.names(kind)];
  const hint = didYouMean(name, known);
  const what = `there is no ${kind} ${name}`;
  return hint === '' ? `${what}; apply a ${kind[0]?.toUpperCase()}${kind.slice(1)} document of that name with it` : `${what}${hint}`;
}

/** What the rest of the inventory still needs of the documents that shall be absent. */
function checkRemoval(document: ReadDocument, next: NextInventory): DocumentProblem[] {
  const { kind, name } = document.written;
  const users: string[] = [];
  if (kind === 'system') {
    for (const { name: user, system } of [...next.environments(), ...next.deployments()] as (EnvironmentDoc | DeploymentDoc)[])
      if (system === name) users.push(user);
  }
  if (kind === 'metric') {
    for (const user of ['deployment', 'policy'] as const)
      for (const name_ of next.names(user)) {
        const uses = metricUsesOf(next.written(user, name_) as unknown as WrittenDeployment | WrittenPolicy);
        if (uses.some(({ use }) => use.template === name)) users.push(`${user} ${name_}`);
      }
  }
  if (kind === 'resource')
    for (const other of next.known.all.relatedTo(name)) {
      const relating = next.doc('resource', other) as unknown as ResourceDoc | undefined;
      if (Object.values(relating?.relations ?? {}).includes(name)) users.push(other);
    }
  if (users.length === 0) return [];
  return [
    document.problem(
      ['state'],
      `cannot be absent while ${users.slice(0, 5).join(', ')} ${users.length > 1 ? 'use' : 'uses'} it; remove them too or first`,
    ),
  ];
}

/** Problems of a document with the others that it names, as they will be after this apply. */
export function checkReferences(document: ReadDocument, next: NextInventory): DocumentProblem[] {
  const { written } = document;
  if (written.doc === null) return checkRemoval(document, next);
  const problems: DocumentProblem[] = [];
  if (written.kind === 'environment' || written.kind === 'deployment') {
    if (!next.has('system', written.doc.system)) problems.push(document.problem(['system'], missing(next, 'system', written.doc.system)));
  }
  if (written.kind === 'resource') {
    for (const [relation, other] of Object.entries(written.doc.relations ?? {}))
      if (!next.has('resource', other)) problems.push(document.problem(['relations', relation], missing(next, 'resource', other)));
  }
  if (written.kind === 'deployment' || written.kind === 'policy') {
    for (const { use, path } of metricUsesOf(written.doc))
      if (use.template !== undefined && !next.has('metric', use.template))
        problems.push(document.problem([...path, 'template'], missing(next, 'metric', use.template)));
  }
  return problems;
}
