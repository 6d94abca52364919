import type { AgentClock, Timers } from '../ports.js';
import { OriginGate } from './origin-gate.js';
import { VendorClient, type VendorClientOptions } from './vendor-client.js';

/** The agent's connections to vendors: one gate for each server, whoever asks it, and one client for each key. */
export class VendorClients {
  private readonly gates = new Map<string, OriginGate>();
  private readonly clients = new Map<string, VendorClient>();

  constructor(private readonly parts: { clock: AgentClock; timers: Timers; random: () => number }) {}

  /** The client of this key (server, certificates and credentials), opened when it is first asked for. */
  client(key: string, options: () => Omit<VendorClientOptions, 'gate'>): VendorClient {
    const known = this.clients.get(key);
    if (known) return known;
    const wanted = options();
    const client = new VendorClient({ ...wanted, gate: this.gate(new URL(wanted.base).origin) });
    this.clients.set(key, client);
    return client;
  }

  /** What all requests of this agent to one server share. */
  gate(origin: string): OriginGate {
    const { clock, timers, random } = this.parts;
    const known = this.gates.get(origin) ?? new OriginGate(clock, timers, random);
    this.gates.set(origin, known);
    return known;
  }

  async close(): Promise<void> {
    await Promise.all([...this.clients.values()].map((client) => client.close()));
    this.clients.clear();
  }
}
