import { didYouMean, INVENTORY_KINDS, type InventoryKind, type ParsedRequestOf, type ReplyOf } from '@slipway/contracts';
import { SlipwayError, type Inventory, type Json } from '@slipway/core';
import type { KnownInventory } from './known-inventory.js';

const LISTED = [...INVENTORY_KINDS, 'version', 'target'] as const;
type Listed = (typeof LISTED)[number];

/** `System`, `system` and `systems` are the same kind. */
function kindOf(said: string): Listed {
  const name = said.toLowerCase();
  const kind = LISTED.find((known) => name === known || name === `${known}s` || (known === 'policy' && name === 'policies'));
  if (kind) return kind;
  throw new SlipwayError({
    code: 'registry.kind.unknown',
    kind: 'invalid',
    message: `There is no kind ${said}${didYouMean(name, LISTED)}; there are ${LISTED.join(', ')}`,
  });
}

/** One document as it stands. A version is named `deployment/tag`. Throws `registry.document.unknown`. */
export async function getDocument(
  known: KnownInventory,
  { kind: said, name }: ParsedRequestOf<'registry.get'>,
): Promise<ReplyOf<'registry.get'>> {
  const { all } = await known.current();
  const kind = kindOf(said);
  if (kind === 'version') {
    const [deployment = '', tag = ''] = name.split('/');
    const version = all.versions.byTag(deployment, tag);
    if (version) return { doc: version as unknown as Json };
  }
  const names = kind === 'version' || kind === 'target' ? [] : [...known.docs(kind).keys()];
  const doc = kind === 'version' || kind === 'target' ? undefined : known.docOf(kind, name);
  if (doc !== undefined) return { doc };
  const right = kind === 'version' ? '; name a version as deployment/tag' : didYouMean(name, names);
  throw new SlipwayError({
    code: 'registry.document.unknown',
    kind: 'missing',
    message: `There is no ${kind} ${name}${right}`,
    details: { kind, name },
  });
}

function targetsOf(all: Inventory, deployment: string | undefined, limit: number): Json[] {
  const found: Json[] = [];
  for (const pair of all.pairs(deployment)) {
    for (const resource of pair.resources()) {
      if (found.length >= limit) return found;
      found.push({ deployment: pair.deployment, environment: pair.environment, resource });
    }
  }
  return found;
}

/** Documents of a kind; versions newest first. */
export async function listDocuments(known: KnownInventory, request: ParsedRequestOf<'registry.list'>): Promise<ReplyOf<'registry.list'>> {
  const { all } = await known.current();
  const kind = kindOf(request.kind);
  const { deployment, limit } = request;
  if (kind === 'target') return { items: targetsOf(all, deployment, limit) };
  if (kind === 'version') {
    const history =
      deployment === undefined ? [...all.versions.byIds.values()].sort((a, b) => a.createdAt - b.createdAt) : all.versions.of(deployment);
    return { items: [...history].reverse().slice(0, limit) as unknown as Json[] };
  }
  return { items: [...known.docs(kind satisfies InventoryKind).values()].slice(0, limit) as Json[] };
}
