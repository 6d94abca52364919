import type { Decision, DecisionGroup, Obligations, RuleResult } from '../model/decision.js';
import type { DecisionInput } from '../model/facts.js';
import type { JsonObject } from '../model/json.js';
import type { Version } from '../model/inventory.js';
import type { GateRule, PolicyDoc } from '../model/policy.js';
import { gates, selectorOf, selects } from './applicable.js';
import { evaluateGate, isGate } from './gates.js';
import { mergeObligations } from './obligations.js';
import { Overrides } from './overrides.js';
import type { Partition } from './partition.js';
import type { AskedQuestion, Place } from './place-columns.js';
import { PlaceColumns } from './place-columns.js';
import { readsOwnFact, readsResource, readsVersion } from './reads.js';
import type { RuleContext } from './rule-result.js';
import { activationOf, earliest, reevaluated, worstVerdict } from './rule-result.js';
import { sameDocuments, sameNeighbours, sameWords } from './same-place.js';
import { quarantineResult, standingChecks } from './standing.js';
import { SuccessCounts } from './success-counts.js';
import type { Plan, PlannedPolicy } from './tell-groups.js';
import { becauseOf, groupAt, isAsked, samePlan } from './tell-groups.js';

/** Facts that have changed since the place was judged last. Absent: none; `all`: nobody knows which. */
export interface PlaceChange {
  /** Resources with new facts of the judged targets themselves. */
  own?: readonly string[] | 'all';
  /** Resources of the environment with new facts of other deployments. */
  beside?: readonly string[] | 'all';
  /** The deployment's facts in other environments are others. */
  elsewhere?: boolean;
  /** Versions, of any deployment, are others. */
  versions?: boolean;
}

/** What was last said of one version, and what it rests on. */
interface Said {
  version: Version;
  plan: Plan;
  questions: AskedQuestion[];
  /** Until then the plan's own answers stand. */
  until: number;
  /** What was known of the version at the targets when the plan was made: it tells which questions are asked. */
  known: string;
  /** Which knowledge of what is the same for all targets it was made with. */
  made: number;
  partition?: Partition;
  generation?: number;
  decision?: Decision;
}

const NONE: readonly string[] = [];
/** More than are candidates at once. */
const VERSIONS_REMEMBERED_MAX = 64;

/**
 * The judging of one place: the targets of one deployment in one environment, for any of its versions. Each question is asked once for all versions
 * whose answers cannot differ, and its answers are kept: after `renew` only what the changed facts and the time concern is asked again. Whatever came
 * before, `decide` says what a fresh evaluation would say.
 */
export class PlaceEvaluation {
  private columns: PlaceColumns;
  private readonly said = new Map<string, Said>();
  private readonly shared = new Map<GateRule, RuleResult>();
  private readonly obligations = new Map<string, Obligations>();
  private successes: SuccessCounts;
  private policies: PolicyDoc[];
  /** Grows whenever what is the same for all targets may have changed. */
  private generation = 0;
  private readonly ruleNumbers = new Map<GateRule, number>();

  constructor(
    private place: Place,
    private now: number,
  ) {
    this.columns = new PlaceColumns(place, now);
    this.successes = new SuccessCounts(place);
    this.policies = gating(place);
  }

  /** How often a target was asked a question so far: what the work is measured by. */
  get asks(): number {
    return this.columns.asks;
  }

  /** Take the place as it is now. `change` names all facts that are others; documents, and what people said, it compares itself. */
  renew(place: Place, now: number, change: PlaceChange): void {
    const before = this.place;
    this.place = place;
    this.now = now;
    if (!sameDocuments(before, place)) {
      const { asks } = this.columns;
      this.columns = new PlaceColumns(place, now);
      this.columns.asks = asks;
      this.said.clear();
      this.forgetShared();
      return;
    }
    const neighbours = !sameNeighbours(before, place);
    const others = neighbours || change.elsewhere === true || change.versions === true || change.beside !== undefined;
    if (others || !sameWords(before, place)) this.forgetShared();
    const beside = neighbours ? undefined : listed(change.beside);
    this.columns.renew(place, now, { own: listed(change.own), beside, besideVersions: change.versions === true ? undefined : beside });
  }

  /** What the rules say of one version now. */
  decide(version: Version): Decision {
    const said = this.standing(version) ?? this.plan(version);
    const partition = this.columns.partition(said.questions);
    if (said.decision && said.partition === partition && said.generation === partition.generation)
      return { ...said.decision, decidedAt: this.now };
    said.partition = partition;
    said.generation = partition.generation;
    return (said.decision = this.tell(said, partition));
  }

  /** What was said last, if its plan still stands. */
  private standing(version: Version): Said | undefined {
    const said = this.said.get(version.id);
    const stands =
      said?.version === version && said.made === this.generation && said.until > this.now && said.known === this.knownOf(version);
    return stands && this.columns.need(said.questions) ? said : undefined;
  }

  private plan(version: Version): Said {
    const input: DecisionInput = { ...this.place, version };
    const context: RuleContext = { input, now: this.now, successes: this.successes };
    const plan: Plan = { standing: [], perTarget: [], policies: [] };
    for (const { readsResource: perTarget, key, ofVersion, ask } of standingChecks(input, this.now)) {
      if (perTarget) plan.perTarget.push(this.columns.ask({ key, ...(ofVersion ? { version } : {}), prepare: (at) => () => ask(at) }));
      else plan.standing.push(...[ask(context) ?? []].flat());
    }
    if (this.columns.facts.quarantined.has(version.id)) plan.perTarget.push(this.quarantine(input));
    const overrides = new Overrides(input, this.now);
    for (const policy of this.policies) plan.policies.push(...this.planPolicy(policy, context, overrides));
    const said: Said = {
      version,
      plan,
      questions: questionsOf(plan),
      until: this.untilOf(plan),
      known: this.knownOf(version),
      made: this.generation,
    };
    const last = this.said.get(version.id);
    // Often nothing of what was looked at again is any different: then neither is the decision.
    if (last?.decision && last.version === version && samePlan(last.plan, plan)) {
      const { partition, generation, decision } = last;
      Object.assign(said, { partition, generation, decision });
    }
    this.said.delete(version.id);
    this.said.set(version.id, said);
    if (this.said.size > VERSIONS_REMEMBERED_MAX) this.said.delete(this.said.keys().next().value!);
    return said;
  }

  private planPolicy(policy: PolicyDoc, context: RuleContext, overrides: Overrides): PlannedPolicy[] {
    const applies = this.appliesTo(policy, context);
    if (applies === false) return [];
    const where = isAsked(applies) ? applies : undefined;
    const answers = policy.rules.filter(isGate).map((rule) => {
      if (readsResource(rule) || overrides.isPerTarget(rule.kind)) return this.askGate(rule, context.input.version, overrides, where);
      return overrides.apply(this.answerOnce(rule, context), undefined);
    });
    return [{ policy, applies, gates: answers }];
  }

  private appliesTo(policy: PolicyDoc, context: RuleContext): boolean | RuleResult | AskedQuestion {
    const selector = selectorOf(policy);
    if ('verdict' in selector) return selector;
    if (!selector.roots.includes('resource')) return selects(selector, activationOf(context));
    const { version } = context.input;
    const ofVersion = selector.roots.includes('version') ? { version } : {};
    return this.columns.ask({
      key: `selector ${'version' in ofVersion ? version.id : ''} ${policy.selector}`,
      ...ofVersion,
      prepare: (at) => {
        const activation: JsonObject = activationOf(at);
        return () => {
          activation['resource'] = at.resource as unknown as JsonObject;
          return selects(selector, activation);
        };
      },
    });
  }

  /** A gate that is asked of each target: for all versions together, unless the rule, an override or an outcome there is of this one. */
  private askGate(rule: GateRule, version: Version, overrides: Overrides, where: AskedQuestion | undefined): AskedQuestion {
    // What is asked of each target only for the sake of an override reads what is the same for all, too.
    const overridden = `${overrides.keyOf(rule.kind)}${readsResource(rule) ? '' : ` ${this.generation}`}`;
    const tried = rule.kind === 'cooldown' && this.columns.facts.tried.has(version.id);
    const ask = (ofVersion: boolean, elseAs?: AskedQuestion): AskedQuestion =>
      this.columns.ask({
        key: `gate ${this.numberOf(rule)} ${where?.number ?? ''} ${ofVersion ? `${version.id} ${overridden}` : ''}`,
        ...(readsOwnFact(rule)
          ? { reads: 'own' }
          : rule.kind === 'dependency'
            ? { reads: rule.versionIs === 'cel' ? 'besideVersions' : 'beside' }
            : {}),
        ...(ofVersion ? { version } : {}),
        ...(elseAs ? { elseAs } : {}),
        where,
        prepare: (at) => () => overrides.apply(evaluateGate(rule, at), at.resource?.identifier),
      });
    if (readsVersion(rule) || overridden !== '') return ask(true);
    return tried ? ask(true, ask(false)) : ask(false);
  }

  private quarantine(input: DecisionInput): AskedQuestion {
    const { version } = input;
    const result = quarantineResult(input);
    return this.columns.ask({
      key: `quarantine ${version.id}`,
      version,
      reads: 'own',
      prepare: (at) => () => (at.own?.fact?.quarantined.includes(version.id) ? result : undefined),
    });
  }

  /** A gate that does not look at the target; those that do not look at the version either are asked once for all. */
  private answerOnce(rule: GateRule, context: RuleContext): RuleResult {
    if (readsVersion(rule)) return evaluateGate(rule, context);
    const known = this.shared.get(rule);
    if (known && (known.reevaluateAt ?? Infinity) > this.now) return known;
    const answer = evaluateGate(rule, context);
    this.shared.set(rule, answer);
    return answer;
  }

  private tell({ version, plan }: Said, partition: Partition): Decision {
    const { deployment, environment, targets } = this.place;
    const classes = targets.length === 0 ? [] : partition.groups();
    const largest = classes.reduce((best, one) => (one.size > best.size ? one : best), { size: 0 });
    const groups = classes.map((one): DecisionGroup => {
      const rest = one === largest;
      const members = { resources: rest ? [] : partition.membersOf(one), rest, size: one.size };
      return groupAt(plan, one.first, members, (speaking) => this.obligationsOf(speaking));
    });
    const empty = groups.length === 0;
    return {
      deployment: deployment.name,
      environment: environment.name,
      versionId: version.id,
      version: version.tag,
      verdict: empty ? 'waiting' : worstVerdict(groups.map((group) => group.verdict)),
      targets: targets.length,
      because: empty ? [`targets: ${deployment.name} has none in ${environment.name}`] : becauseOf(groups, targets.length),
      groups,
      decidedAt: this.now,
      ...reevaluated(earliest(groups.map((group) => group.reevaluateAt))),
    };
  }

  private obligationsOf(speaking: readonly PolicyDoc[]): Obligations {
    const key = speaking.map(({ name }) => name).join('\n');
    let known = this.obligations.get(key);
    if (!known) this.obligations.set(key, (known = mergeObligations(this.place.deployment, speaking)));
    return known;
  }

  /** Until then no answer of the plan changes by time, nor does what people said come to its end. */
  private untilOf({ standing, policies }: Plan): number {
    const answers = [...standing, ...policies.flatMap(({ applies, gates: all }) => [applies, ...all])];
    const times = answers.map((answer) => (typeof answer === 'object' && 'verdict' in answer ? answer.reevaluateAt : undefined));
    const { overrides, freezes, pins } = this.place;
    const ends = [...overrides, ...freezes, ...pins].map(({ expiresAt }) => expiresAt).filter((at) => at !== undefined && at > this.now);
    return earliest([...times, ...ends]) ?? Infinity;
  }

  private knownOf({ id }: Version): string {
    const { tried, quarantined } = this.columns.facts;
    return `${tried.has(id)} ${quarantined.has(id)}`;
  }

  private numberOf(rule: GateRule): number {
    let number = this.ruleNumbers.get(rule);
    if (number === undefined) this.ruleNumbers.set(rule, (number = this.ruleNumbers.size));
    return number;
  }

  private forgetShared(): void {
    this.generation += 1;
    this.shared.clear();
    this.obligations.clear();
    this.successes = new SuccessCounts(this.place);
    this.policies = gating(this.place);
  }
}

function listed(resources: PlaceChange['own']): readonly string[] | undefined {
  return resources === 'all' ? undefined : (resources ?? NONE);
}

function gating({ policies }: Place): PolicyDoc[] {
  return policies.filter(gates).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function questionsOf({ perTarget, policies }: Plan): AskedQuestion[] {
  return [...perTarget, ...policies.flatMap(({ applies, gates: all }) => [applies, ...all].filter(isAsked))];
}
