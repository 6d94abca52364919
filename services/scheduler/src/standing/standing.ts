import {
  freezesInForce,
  pinsAt,
  type FreezeCheck,
  type FreezeFact,
  type FrozenPlace,
  type Inventory,
  type PinFact,
  type RuleResult,
} from '@slipway/core';
import type { StandingRow } from '../tables.js';
import type { Place } from '../work.js';

/*
 * The freezes and pins that people made, as the policy service told them. Decisions speak of them too; but a place may have no decision, and what a
 * person was answered holds before the next decision is made (I11). So each start is asked here as well, with the evaluator that decisions use.
 */

/** What freezes and pins say to a version at a target. */
export interface SaidHere {
  /** Why nothing of it may begin there; undefined: nothing of this kind is in the way. */
  held?: string | undefined;
  /** Id of the pin that it follows. */
  follows?: string | undefined;
}

/** What stands in one place. */
export interface StandingHere {
  saysTo(of: HeldVersion, resource: string): SaidHere;
  /** The freeze at this target; for a rollback only one that stops those too. */
  frozen(resource: string, of: { rollback: boolean }): RuleResult | undefined;
  /** The pin that counts at this target. */
  pinAt(resource: string): PinFact | undefined;
}

export interface HeldVersion {
  versionId: string;
  /** It goes there because of a pin, and only as long as that stands. */
  pinned?: boolean | undefined;
}

const NO_WORD: SaidHere = {};

const NOTHING: StandingHere = {
  saysTo: ({ pinned }) => (pinned ? { held: PIN_OVER } : NO_WORD),
  frozen: () => undefined,
  pinAt: () => undefined,
};

export const PIN_OVER = 'the pin that it followed is over';

/** All freezes and pins in force at one time. */
export class Standing {
  private readonly freezes: readonly FreezeCheck[];
  private readonly pins: readonly PinFact[];

  constructor(
    rows: readonly StandingRow[],
    private readonly inventory: Inventory,
    private readonly now: number,
  ) {
    this.freezes = freezesInForce(
      rows.filter((row) => row.kind === 'freeze').map((row) => row.fact as FreezeFact),
      now,
    );
    this.pins = rows.filter((row) => row.kind === 'pin').map((row) => row.fact as PinFact);
  }

  at(place: Place): StandingHere {
    const pins = pinsAt(this.pins, place, this.now);
    const freezes = this.freezes.flatMap((check) => this.freezeAt(check, place));
    if (pins === undefined && freezes.length === 0) return NOTHING;
    return {
      saysTo: (of, resource) => {
        const freeze = firstOf(freezes, resource);
        return freeze === undefined ? this.pinSays(pins?.at(resource), of) : { held: `freeze: ${freeze.sentence}` };
      },
      frozen: (resource, { rollback }) =>
        firstOf(rollback ? freezes.filter(({ check }) => !check.freeze.allowRollback) : freezes, resource),
      pinAt: (resource) => pins?.at(resource),
    };
  }

  /** A freeze that may concern the place; what does not look at the resource is asked once. */
  private freezeAt(check: FreezeCheck, { deployment, environment }: Place): AskedFreeze[] {
    // What is gone from the inventory is known by its name only: a scope that asks for more holds it up.
    const names = {
      deployment: this.inventory.deployments.get(deployment) ?? { name: deployment },
      environment: this.inventory.environments.get(environment) ?? { name: environment },
    } as Pick<FrozenPlace, 'deployment' | 'environment'>;
    if (!check.readsResource) {
      const result = check.ask(names);
      return result === undefined ? [] : [{ check, ask: () => result }];
    }
    const ask = (resource: string): RuleResult | undefined =>
      check.ask({ ...names, resource: this.inventory.resources.get(resource) ?? ({ identifier: resource } as FrozenPlace['resource']) });
    return [{ check, ask }];
  }

  private pinSays(pin: PinFact | undefined, { versionId, pinned }: HeldVersion): SaidHere {
    if (pin === undefined) return pinned ? { held: PIN_OVER } : NO_WORD;
    if (pin.version === versionId) return pinned ? { follows: pin.id } : NO_WORD;
    const tag = this.inventory.versions.byId(pin.version)?.tag ?? pin.version;
    return { held: `pin: pinned to ${tag} by ${pin.by}: ${pin.reason} (${pin.id})` };
  }
}

interface AskedFreeze {
  check: FreezeCheck;
  ask(resource: string): RuleResult | undefined;
}

function firstOf(freezes: readonly AskedFreeze[], resource: string): RuleResult | undefined {
  for (const { ask } of freezes) {
    const result = ask(resource);
    if (result !== undefined) return result;
  }
  return undefined;
}
