import {
  readDocuments,
  resolveDeployment,
  resolvePolicy,
  type ReleaseEvent,
  type WrittenDeployment,
  type WrittenPolicy,
} from '@slipway/contracts';
import {
  compileExpression,
  matchTargets,
  targetKey,
  type ApprovalFact,
  type DecisionInput,
  type DeploymentDoc,
  type EnvironmentDoc,
  type FreezeFact,
  type MetricSpec,
  type OverrideFact,
  type PinFact,
  type PolicyDoc,
  type ResourceDoc,
  type SystemDoc,
  type TargetFact,
  type Version,
} from '@slipway/core';
import { projectRelease } from '../../services/policy/src/facts/project-release.js';
import type { Happening, HappeningOf } from './case-schema.js';
import { fileOf, type Judged } from './read-cases.js';

type AtTargets = HappeningOf<'succeeded'> | HappeningOf<'failed'> | HappeningOf<'started'> | HappeningOf<'failedVerification'>;

/**
 * The facts of a case as the evaluator sees them, made by telling its story: what the running services would have recorded, in plain data. That it
 * is the same is what the end-to-end run proves.
 */
export class Picture {
  private readonly docs = new Map<string, object>();
  private policies: readonly object[] = [];
  private read: Parsed | undefined;
  private readonly versions = new Map<string, Version>();
  private readonly facts = new Map<string, TargetFact>();
  /** What succeeded at a target, oldest first: where a rollback goes. */
  private readonly succeeded = new Map<string, Version[]>();
  private approvals: ApprovalFact[] = [];
  private overrides: OverrideFact[] = [];
  private freezes: FreezeFact[] = [];
  private pins: PinFact[] = [];
  private ids = 0;

  constructor(
    documents: readonly object[],
    private readonly policyDocuments: readonly object[],
  ) {
    this.lay(documents);
  }

  tell(happening: Happening): void {
    if ('publish' in happening) this.publish(happening);
    else if ('policies' in happening) {
      this.policies = this.policyDocuments;
      this.read = undefined;
    } else if ('apply' in happening) this.lay(happening.apply);
    else if ('started' in happening) this.release(happening, happening.started, 'started');
    else if ('succeeded' in happening) this.release(happening, happening.succeeded, 'succeeded');
    else if ('failed' in happening) this.release(happening, happening.failed, 'failed');
    else if ('failedVerification' in happening) this.release(happening, happening.failedVerification, 'failedVerification');
    else if ('rolledBack' in happening) this.rollBack(happening);
    else if ('releaseQuarantine' in happening) this.releaseQuarantine(happening);
    else this.hear(happening);
  }

  /** What people say. */
  private hear(happening: Happening): void {
    if ('approve' in happening) this.vote(happening.approve, happening, 'approved');
    else if ('reject' in happening) this.vote(happening.reject, happening, 'rejected', happening.reason);
    else if ('withdraw' in happening) this.vote(happening.withdraw, happening);
    else if ('makeVersion' in happening) {
      const version = this.version(happening.makeVersion);
      this.versions.set(version.id, { ...version, status: happening.is, statusBecause: `user:${happening.by}: ${happening.reason}` });
    } else if ('pin' in happening) this.pin(happening);
    else if ('unpin' in happening) {
      const { unpin, in: environment, on } = happening;
      this.pins = this.pins.filter((pin) => pin.deployment !== unpin || pin.environment !== environment || pin.resource !== on?.[0]);
    } else if ('freeze' in happening) {
      const { freeze: scope, by, at, reason, until, allowRollback = true } = happening;
      this.freezes.push({ id: this.id(), scope, by: `user:${by}`, reason, at, expiresAt: until, allowRollback });
    } else if ('unfreeze' in happening) this.freezes = this.freezes.filter(({ reason }) => reason !== happening.unfreeze);
    else if ('override' in happening) this.override(happening);
    else if ('liftOverride' in happening) this.overrides = this.overrides.filter(({ rule }) => rule !== happening.liftOverride);
    else throw new Error(`nobody knows what this is: ${JSON.stringify(happening)}`);
  }

  /** All that `evaluate` may read. */
  input(judged: Judged): DecisionInput {
    const { systems, deployments, environments, resources, policies } = this.parsed();
    const deployment = named(deployments, judged.deployment);
    const environment = named(environments, judged.environment);
    const here = new Set(this.targets(deployment, environment));
    return {
      system: named(systems, environment.system),
      deployment,
      environment,
      version: this.version({ deployment: judged.deployment, tag: judged.tag }),
      targets: resources.filter(({ identifier }) => here.has(identifier)),
      targetFacts: this.facts,
      environments: environments
        .filter((one) => one.name !== environment.name && one.system === environment.system)
        .map((one) => ({ environment: one, resources: this.targets(deployment, one) })),
      deployments: deployments.map((one) => ({ deployment: one, resources: this.targets(one, environment) })),
      versions: this.versions,
      policies,
      approvals: this.approvals,
      overrides: this.overrides,
      freezes: this.freezes,
      pins: this.pins,
    };
  }

  private targets(deployment: DeploymentDoc, environment: EnvironmentDoc): string[] {
    return matchTargets(deployment, environment, this.parsed().resources).resources;
  }

  /** The documents as they are applied now. */
  private parsed(): Parsed {
    const own = this.policies.filter((policy) => !this.docs.has(`Policy/${(policy as { name: string }).name}`));
    return (this.read ??= parseDocuments([...this.docs.values(), ...own]));
  }

  private lay(documents: readonly object[]): void {
    this.read = undefined;
    for (const document of documents) {
      const { kind, name, identifier, items } = document as { kind: string; name?: string; identifier?: string; items?: object[] };
      if (kind === 'Resources') this.lay((items ?? []).map((item) => ({ kind: 'Resource', ...item })));
      else if ('state' in document && document.state === 'absent') this.remove(kind, name ?? identifier ?? '');
      else this.docs.set(`${kind}/${kind === 'Resource' ? identifier : name}`, document);
    }
  }

  private remove(kind: string, name: string): void {
    this.docs.delete(`${kind}/${name}`);
    if (kind === 'Policy') this.policies = this.policies.filter((policy) => (policy as { name: string }).name !== name);
  }

  private publish({ publish, at, author, status = 'ready', metadata = {}, config = {}, dependsOn = [] }: HappeningOf<'publish'>): void {
    const { deployment, tag } = publish;
    const id = `${deployment} ${tag}`;
    const known = this.versions.get(id);
    if (known) return void this.versions.set(id, { ...known, status });
    const sequence = [...this.versions.values()].filter((version) => version.deployment === deployment).length + 1;
    this.versions.set(id, {
      ...{ id, deployment, tag, name: tag, status, sequence, config, metadata, dependsOn, createdAt: at },
      ...(author === undefined ? {} : { author }),
    });
  }

  private release(
    happening: AtTargets,
    of: { deployment: string; tag: string },
    what: 'started' | 'succeeded' | 'failed' | 'failedVerification',
  ): void {
    const { at } = happening;
    const version = this.version(of);
    const verified = this.isVerified(of.deployment, happening.in) && what === 'succeeded';
    const runs = what === 'succeeded' || what === 'failedVerification';
    for (const resource of this.resourcesOf(of.deployment, happening)) {
      const key = targetKey(of.deployment, happening.in, resource);
      const known = this.facts.get(key);
      const startedAt = known?.outcomes[version.id]?.state === 'started' ? known.startedAt : at;
      this.project(key, { deployment: of.deployment, environment: happening.in, resource }, version, {
        verb: what === 'failedVerification' ? 'failed' : what,
        at,
        ...(startedAt === undefined ? {} : { startedAt }),
        ...(runs ? { running: { version: version.id, tag: version.tag, verified, since: at } } : {}),
        verified,
      });
      if (what === 'succeeded') this.succeeded.set(key, [...(this.succeeded.get(key) ?? []), version]);
    }
  }

  private rollBack(happening: HappeningOf<'rolledBack'>): void {
    const { rolledBack: of, at, in: environment } = happening;
    const version = this.version(of);
    for (const resource of this.resourcesOf(of.deployment, happening)) {
      const key = targetKey(of.deployment, environment, resource);
      const before = (this.succeeded.get(key) ?? []).filter((one) => one.id !== version.id).at(-1);
      if (!before) throw new Error(`${key}: there is nothing to roll ${of.tag} back to`);
      this.project(key, { deployment: of.deployment, environment, resource }, version, {
        verb: 'rolledBack',
        at,
        running: { version: before.id, tag: before.tag, verified: this.isVerified(of.deployment, environment), since: at },
        verified: false,
        quarantined: [...(this.facts.get(key)?.quarantined ?? []), version.id],
      });
    }
  }

  private releaseQuarantine(happening: HappeningOf<'releaseQuarantine'>): void {
    const { releaseQuarantine: of, in: environment } = happening;
    const version = this.version(of);
    for (const resource of this.resourcesOf(of.deployment, happening)) {
      const key = targetKey(of.deployment, environment, resource);
      const known = this.facts.get(key);
      if (known) this.facts.set(key, { ...known, quarantined: known.quarantined.filter((id) => id !== version.id) });
    }
  }

  /** As the policy service takes a release event in. */
  private project(
    key: string,
    place: { deployment: string; environment: string; resource: string },
    version: Version,
    told: {
      verb: ReleaseEvent['verb'];
      at: number;
      startedAt?: number;
      running?: TargetFact['running'];
      verified: boolean;
      quarantined?: string[];
    },
  ): void {
    const known = this.facts.get(key);
    const { verb, at, startedAt = known?.startedAt, running = known?.running, verified, quarantined = known?.quarantined ?? [] } = told;
    const event: ReleaseEvent = {
      ...{ version: version.tag, verb, ...place, versionId: version.id, sequence: (known?.sequence ?? 0) + 1, at, quarantined },
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(running === undefined ? {} : { running }),
      outcome: { state: verb as 'started', verified, at },
    };
    this.facts.set(key, projectRelease(known, event));
  }

  private vote(
    of: { deployment: string; tag: string },
    { for: environment, by, groups, at }: HappeningOf<'approve'> | HappeningOf<'withdraw'> | HappeningOf<'reject'>,
    verdict?: ApprovalFact['verdict'],
    reason?: string,
  ): void {
    const { id } = this.version(of);
    const voter = `user:${by}`;
    this.approvals = this.approvals.filter((one) => one.version !== id || one.environment !== environment || one.by !== voter);
    if (verdict !== undefined)
      this.approvals.push({ version: id, environment, by: voter, groups, verdict, at, ...(reason === undefined ? {} : { reason }) });
  }

  private pin({ pin, in: environment, on, by, at, reason, until }: HappeningOf<'pin'>): void {
    const { deployment } = pin;
    this.pins.push({
      ...{ id: this.id(), deployment, environment, version: this.version(pin).id, by: `user:${by}`, reason, at },
      ...(on === undefined ? {} : { resource: on[0]! }),
      ...(until === undefined ? {} : { expiresAt: until }),
    });
  }

  private override({ override: rule, of, in: environment, on, by, at, reason, until }: HappeningOf<'override'>): void {
    const { deployment } = of;
    this.overrides.push({
      ...{ id: this.id(), deployment, environment, version: this.version(of).id, rule, by: `user:${by}`, reason, at, expiresAt: until },
      ...(on === undefined ? {} : { resource: on }),
    });
  }

  private version({ deployment, tag }: { deployment: string; tag: string }): Version {
    const version = this.versions.get(`${deployment} ${tag}`);
    if (!version) throw new Error(`${deployment} ${tag} was not published`);
    return version;
  }

  private resourcesOf(deployment: string, { in: environment, on }: { in: string; on?: string[] | undefined }): string[] {
    const { deployments, environments } = this.parsed();
    const there = this.targets(named(deployments, deployment), named(environments, environment));
    for (const one of on ?? []) if (!there.includes(one)) throw new Error(`${one} is no target of ${deployment} in ${environment}`);
    return on ?? there;
  }

  /** Whether something is measured there: by the deployment, or for a policy. */
  private isVerified(deployment: string, environment: string): boolean {
    const doc = this.docs.get(`Deployment/${deployment}`) as { verification?: unknown[] } | undefined;
    if ((doc?.verification ?? []).length > 0) return true;
    const seen = { deployment: doc, environment: this.docs.get(`Environment/${environment}`) } as never;
    return (this.policies as { selector: string; rules: object[] }[]).some(
      ({ selector, rules }) => rules.some((rule) => 'verification' in rule) && compileExpression(selector).evaluate(seen) === true,
    );
  }

  private id(): string {
    return `id-${(this.ids += 1)}`;
  }
}

interface Parsed {
  systems: SystemDoc[];
  deployments: DeploymentDoc[];
  environments: EnvironmentDoc[];
  resources: ResourceDoc[];
  policies: PolicyDoc[];
}

function parseDocuments(all: readonly object[]): Parsed {
  const { documents, problems } = readDocuments([fileOf(all)]);
  if (problems.length > 0) throw new Error(problems.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  const of = <T>(kind: string): T[] =>
    documents.flatMap(({ written }) => (written.kind === kind && written.doc !== null ? [written.doc as T] : []));
  const metrics = new Map(of<MetricSpec>('metric').map((metric) => [metric.name, metric]));
  return {
    systems: of<SystemDoc>('system'),
    deployments: of<WrittenDeployment>('deployment').map((written) => resolveDeployment(written, metrics, [])),
    environments: of<EnvironmentDoc>('environment'),
    resources: of<ResourceDoc>('resource').sort((a, b) => (a.identifier < b.identifier ? -1 : 1)),
    policies: of<WrittenPolicy>('policy').map((written) => resolvePolicy(written, metrics)),
  };
}

function named<T extends { name: string }>(docs: readonly T[], name: string): T {
  const found = docs.find((doc) => doc.name === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
}
