import { EXCLUSIVE_RULES, type CheckedDocument, type ReadDocument } from '@slipway/contracts';
import type { PolicyDoc } from '@slipway/core';
import type { NextInventory } from './next-inventory.js';

const docOf = (document: ReadDocument, next: NextInventory): PolicyDoc | undefined =>
  document.written.kind === 'policy' && document.written.doc !== null
    ? (next.doc('policy', document.written.name) as unknown as PolicyDoc)
    : undefined;

/** Warn where two policies of equal priority would both speak: the first by name is heard, which nobody may have meant. */
function warnOfTies(document: ReadDocument, policy: PolicyDoc, next: NextInventory): CheckedDocument['warnings'] {
  const spoken = EXCLUSIVE_RULES.filter((kind) => policy.rules.some((rule) => rule.kind === kind));
  if (spoken.length === 0 || !policy.enabled) return [];
  const rivals = [...next.policies()].filter((other) => other.name !== policy.name && other.enabled && other.priority === policy.priority);
  return spoken.flatMap((kind) => {
    const rival = rivals.find((other) => other.selector === policy.selector && other.rules.some((rule) => rule.kind === kind));
    if (!rival) return [];
    const first = [policy.name, rival.name].sort()[0];
    return [
      document.problem(
        ['priority'],
        `is that of ${rival.name}, which has the same selector and a ${kind} rule too; ${first} is heard, by name. Give one a higher priority`,
      ),
    ];
  });
}

/** Check policies as they will be, templates filled in. */
export function checkPolicies(documents: readonly ReadDocument[], next: NextInventory): CheckedDocument {
  const checked: CheckedDocument = { problems: [], warnings: [] };
  for (const document of documents) {
    const policy = docOf(document, next);
    if (policy) checked.warnings.push(...warnOfTies(document, policy, next));
  }
  return checked;
}
