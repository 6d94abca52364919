import type { PinFact } from '../model/facts.js';

/** The pins of one deployment in one environment that are in force. */
export interface PinsHere {
  /** The pin that counts at this target: the narrower, of equally narrow ones the newest; undefined where none is. */
  at(resource: string | undefined): PinFact | undefined;
  /** Some of them are of single targets. */
  perTarget: boolean;
  /** Ids of all versions that something here is pinned to. */
  versions: ReadonlySet<string>;
}

/** The pins in force at this place and time; undefined where there are none, which is almost everywhere. */
export function pinsAt(pins: Iterable<PinFact>, place: { deployment: string; environment: string }, now: number): PinsHere | undefined {
  const here: PinFact[] = [];
  for (const pin of pins)
    if (pin.deployment === place.deployment && pin.environment === place.environment && (pin.expiresAt ?? Infinity) > now) here.push(pin);
  if (here.length === 0) return undefined;
  const newestFirst = here.sort((a, b) => b.at - a.at || (a.id < b.id ? -1 : 1));
  const wide = newestFirst.find((pin) => pin.resource === undefined);
  const narrow = new Map<string, PinFact>();
  for (const pin of newestFirst) if (pin.resource !== undefined && !narrow.has(pin.resource)) narrow.set(pin.resource, pin);
  return {
    at: (resource) => (resource === undefined ? undefined : narrow.get(resource)) ?? wide,
    perTarget: narrow.size > 0,
    versions: new Set([...(wide ? [wide] : []), ...narrow.values()].map((pin) => pin.version)),
  };
}

/** The command that takes a pin away. */
export function unpinCommand(pin: PinFact): string {
  return `slipway unpin ${pin.deployment} -e ${pin.environment}${pin.resource === undefined ? '' : ` -r ${pin.resource}`}`;
}
