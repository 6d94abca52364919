import { applyRecord, type Journal, type JournalEntry, type JournalRecord } from './journal.js';

/** A journal that outlives the agent object but not the process: for the simulation, where an agent dies and another takes its journal. */
export class MemoryJournal implements Journal {
  readonly held = new Map<string, JournalEntry>();

  async load(): Promise<JournalEntry[]> {
    return structuredClone([...this.held.values()]);
  }

  async append(records: readonly JournalRecord[]): Promise<void> {
    for (const record of records) applyRecord(this.held, record);
  }

  async close(): Promise<void> {}
}
