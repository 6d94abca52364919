import type { SlotName } from '@slipway/core';

/** What a job does at a place. */
export interface Act {
  kind: string;
  version: string;
  weight: number;
  slot?: SlotName;
}

interface PlaceState {
  /** What serves: all of the traffic, or all but the canary's. */
  running?: string;
  /** A version beside it, with its share. */
  beside?: { version: string; weight: number };
  slots: Partial<Record<SlotName, string>>;
  live?: SlotName;
}

/** What is at each place, as the programs that jobs ran have left it. Says what no executor should ever have been told to do. */
export class Places {
  private readonly states = new Map<string, PlaceState>();

  at(key: string): PlaceState {
    let state = this.states.get(key);
    if (!state) this.states.set(key, (state = { slots: {} }));
    return state;
  }

  /** The version that a measurement of this weight and slot looks at. */
  lookedAt(key: string, weight: number, slot: string): string {
    const state = this.at(key);
    if (weight === 100) return state.running ?? '';
    return (slot === '' ? state.beside?.version : state.slots[slot as SlotName]) ?? '';
  }

  /** Do it. Gives what is wrong with having been told to. */
  act(key: string, { kind, version, weight, slot }: Act): string | undefined {
    const state = this.at(key);
    switch (kind) {
      case 'deploy':
        if (slot !== undefined) {
          if (slot === state.live) return `deploys ${version} to slot ${slot}, which serves`;
          state.slots[slot] = version;
        } else if (weight === 100) this.states.set(key, { running: version, slots: {} });
        else state.beside = { version, weight: 0 };
        return undefined;
      case 'shift':
        return shift(state, version, weight);
      case 'switch':
        if (slot === undefined || state.slots[slot] !== version)
          return `switches to slot ${slot}, which has ${state.slots[slot ?? 'blue']}, not ${version}`;
        Object.assign(state, { running: version, live: slot });
        return undefined;
      case 'retire':
        if (slot === undefined || slot === state.live) return `retires slot ${slot}, which serves`;
        delete state.slots[slot];
        return undefined;
      default:
        return `does not know ${kind}`;
    }
  }
}

function shift(state: PlaceState, version: string, weight: number): string | undefined {
  const { beside } = state;
  if (weight === 0) {
    if (beside?.version === version) delete state.beside;
    return undefined;
  }
  if (beside?.version !== version) return `shifts ${version} to ${weight} %, where ${beside?.version ?? 'nothing'} stands beside`;
  if (weight < beside.weight) return `shifts ${version} down from ${beside.weight} to ${weight} %`;
  if (weight === 100) {
    state.running = version;
    delete state.beside;
  } else beside.weight = weight;
  return undefined;
}
