import { resolveDeployment, resolvePolicy, type InventoryKind, type WrittenDeployment, type WrittenPolicy } from '@slipway/contracts';
import type { DeploymentDoc, EnvironmentDoc, Json, MetricSpec, PolicyDoc, ResourceDoc, VariableSetDoc } from '@slipway/core';
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

  /**
   * Fill metric templates and variable sets into planned deployments and policies, and into known ones that use a template or take a value from a set of this
   * apply: a change of either is a change of whoever uses it.
   */
  resolve(): void {
    const templates = new Map<string, MetricSpec>();
    for (const name of this.names('metric')) templates.set(name, this.doc('metric', name) as unknown as MetricSpec);
    const sets = [...this.names('variableSet')].map((name) => this.doc('variableSet', name) as unknown as VariableSetDoc);
    const changed = { templates: new Set(this.plannedNames('metric')), variables: this.changedVariables() };
    for (const kind of ['deployment', 'policy'] as const) {
      for (const name of [...this.names(kind)]) {
        const written = this.written(kind, name) as unknown as WrittenDeployment & WrittenPolicy;
        if (!this.isPlanned(kind, name) && !usesTemplate(written, changed.templates) && !declaresOne(written, changed.variables)) continue;
        const doc = kind === 'deployment' ? resolveDeployment(written, templates, sets) : resolvePolicy(written, templates);
        this.lay(kind, name, written as unknown as Json);
        (this.planned.get(kind)?.get(name) as Planned).doc = doc as unknown as Json;
      }
    }
  }

  /** Variables to which a set of this apply gave a value before, or gives one now. */
  private changedVariables(): Set<string> {
    const changed = new Set<string>();
    for (const name of this.plannedNames('variableSet'))
      for (const set of [this.known.docOf('variableSet', name), this.doc('variableSet', name)])
        for (const variable of Object.keys((set as VariableSetDoc | undefined)?.variables ?? {})) changed.add(variable);
    return changed;
  }
}

const declaresOne = (written: WrittenDeployment | WrittenPolicy, variables: ReadonlySet<string>): boolean =>
  variables.size > 0 && 'variables' in written && Object.keys(written.variables).some((variable) => variables.has(variable));

const usesTemplate = (written: WrittenDeployment | WrittenPolicy, templates: ReadonlySet<string>): boolean =>
  templates.size > 0 &&
  ('verification' in written
    ? written.verification
    : written.rules.flatMap((rule) => (rule.kind === 'verification' ? rule.metrics : []))
  ).some((use) => use.template !== undefined && templates.has(use.template));
