import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';

/** Clock ticks per second of /proc; Linux has had 100 for as long as it has run Node. */
const TICKS_PER_SECOND = 100;
const MICROSECONDS = 1_000_000;

interface ProcessTimes {
  parent: number;
  /** Own time, in microseconds. */
  own: number;
  /** Time of children that have ended. */
  ended: number;
}

/** Processor time of a process and all that it has started, living and ended, in microseconds. */
export function treeProcessorTime(pid: number): number {
  const all = readAll();
  const inTree = new Set([pid]);
  for (let grown = true; grown;) {
    grown = false;
    for (const [id, times] of all) {
      if (inTree.has(id) || !inTree.has(times.parent)) continue;
      inTree.add(id);
      grown = true;
    }
  }
  let total = 0;
  for (const id of inTree) {
    const times = all.get(id);
    if (times) total += times.own + times.ended;
  }
  return total;
}

function readAll(): Map<number, ProcessTimes> {
  return existsSync('/proc/self/stat') ? fromProc() : fromPs();
}

function fromProc(): Map<number, ProcessTimes> {
  const all = new Map<number, ProcessTimes>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    let stat: string;
    try {
      stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
    } catch {
      continue; // it ended between the listing and the reading
    }
    // The name may hold anything, so fields are counted from its closing bracket.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = (index: number): number => (Number(fields[index]) / TICKS_PER_SECOND) * MICROSECONDS;
    all.set(Number(entry), { parent: Number(fields[1]), own: ticks(11) + ticks(12), ended: ticks(13) + ticks(14) });
  }
  return all;
}

/** Elsewhere: living processes only, to the hundredth of a second. */
function fromPs(): Map<number, ProcessTimes> {
  const all = new Map<number, ProcessTimes>();
  for (const line of execFileSync('ps', ['-axo', 'pid=,ppid=,time='], { encoding: 'utf8' }).split('\n')) {
    const [pid, parent, time] = line.trim().split(/\s+/);
    if (!pid || !parent || !time) continue;
    const seconds = time.split(/[:-]/).reduce((sum, part) => sum * 60 + Number(part), 0);
    all.set(Number(pid), { parent: Number(parent), own: seconds * MICROSECONDS, ended: 0 });
  }
  return all;
}
