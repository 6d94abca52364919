import { resolveDeployment, resolvePolicy, type InventoryKind, type WrittenDeployment, type WrittenPolicy } from '@slipway/contracts';
import type { DeploymentDoc, EnvironmentDoc, Json, MetricSpec, PolicyDoc, ResourceDoc } from '@slipway/core';
import type { KnownInventory } from '../inventory/known-inventory.js';

interface Planned {
  written: Json | null;
  doc: Json | null;
}

/** The inventory as it would be after the apply: what is known, with the documents of this apply laid over it. */
export class NextInventory {
  private readonly planned = new Map<InventoryKind, Map<string, Planned>>();

  constructor(readonly known: KnownInventory) {}

  /** Lay a document over; null removes it. Its templates are filled in by `resolve`. */
  lay(kind: InventoryKind, name: string, written: Json | null): void {
    let names = this.planned.get(kind);
    if (!names) this.planned.set(kind, (names = new Map()));
    names.set(name, { written, doc: written });
  }

  plannedNames(kind: InventoryKind): IterableIterator<string> | readonly string[] {
    return this.planned.get(kind)?.keys() ?? [];
  }

  isPlanned(kind: InventoryKind, name: string): boolean {
    return this.planned.get(kind)?.has(name) ?? false;
  }

  has(kind: InventoryKind, name: string): boolean {
    const planned = this.planned.get(kind)?.get(name);
    return planned ? planned.written !== null : this.known.docs(kind).has(name);
  }

  written(kind: InventoryKind, name: string): Json | undefined {
    const planned = this.planned.get(kind)?.get(name);
    return planned ? (planned.written ?? undefined) : this.known.writtenOf(kind, name);
  }

  doc(kind: InventoryKind, name: string): Json | undefined {
    const planned = this.planned.get(kind)?.get(name);
    return planned ? (planned.doc ?? undefined) : this.known.docOf(kind, name);
  }

  /** Names that will be there. */
  *names(kind: InventoryKind): IterableIterator<string> {
    const planned = this.planned.get(kind);
    for (const name of this.known.docs(kind).keys()) if (!planned?.has(name)) yield name;
    if (planned) for (const [name, { written }] of planned) if (written !== null) yield name;
  }

  *environments(): IterableIterator<EnvironmentDoc> {
    for (const name of this.names('environment')) yield this.doc('environment', name) as unknown as EnvironmentDoc;
  }

  *deployments(): IterableIterator<DeploymentDoc> {
    for (const name of this.names('deployment')) yield this.doc('deployment', name) as unknown as DeploymentDoc;
  }

  *policies(): IterableIterator<PolicyDoc> {
    for (const name of this.names('policy')) yield this.doc('policy', name) as unknown as PolicyDoc;
  }

  *resources(): IterableIterator<ResourceDoc> {
    const planned = this.planned.get('resource');
    for (const resource of this.known.all.resources.values()) if (!planned?.has(resource.identifier)) yield resource;
    if (planned) for (const { doc } of planned.values()) if (doc !== null) yield doc as unknown as ResourceDoc;
  }

  /** Fill metric templates into planned deployments and policies, and into known ones that use a template of this apply. */
  resolve(): void {
    const templates = new Map<string, MetricSpec>();
    for (const name of this.names('metric')) templates.set(name, this.doc('metric', name) as unknown as MetricSpec);
    const changed = new Set(this.plannedNames('metric'));
    for (const kind of ['deployment', 'policy'] as const) {
      for (const name of [...this.names(kind)]) {
        const written = this.written(kind, name) as unknown as WrittenDeployment & WrittenPolicy;
        if (!this.isPlanned(kind, name) && !usesTemplate(written, changed)) continue;
        const doc = kind === 'deployment' ? resolveDeployment(written, templates) : resolvePolicy(written, templates);
        this.lay(kind, name, written as unknown as Json);
        (this.planned.get(kind)?.get(name) as Planned).doc = doc as unknown as Json;
      }
    }
  }
}

const usesTemplate = (written: WrittenDeployment | WrittenPolicy, templates: ReadonlySet<string>): boolean =>
  templates.size > 0 &&
  ('verification' in written
    ? written.verification
    : written.rules.flatMap((rule) => (rule.kind === 'verification' ? rule.metrics : []))
  ).some((use) => use.template !== undefined && templates.has(use.template));
