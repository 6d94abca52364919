import type { ResourceDoc } from '../model/inventory.js';
import type { Column } from './column.js';

/** Past this many cells a look-up table of classes and answers is a map. */
const TABLE_CELLS_MAX = 65_536;

/** Targets with equal answers to all questions. */
export interface TargetClass {
  /** Place of the first of them in the list of targets. */
  first: number;
  size: number;
  /** Made when asked for; the same array as long as nobody comes or goes. */
  members: string[] | undefined;
}

/** Targets by their answers to some questions. Finer ones start from a coarser one, whose questions are among theirs. */
export class Partition {
  /** Grows whenever a target goes elsewhere. */
  generation = 0;
  private classOf: Uint16Array | Uint32Array;
  private readonly classes: TargetClass[] = [];
  /** Answers of a class, as codes → class. */
  private byCodes: Map<string, number> | undefined;
  private counted = false;

  constructor(
    readonly columns: readonly Column[],
    private readonly targets: readonly ResourceDoc[],
    base?: Partition,
  ) {
    this.classOf = base ? base.classOf.slice() : new Uint16Array(targets.length);
    let classes = base ? base.classes.length : 1;
    for (const column of columns.slice(base?.columns.length ?? 0)) classes = this.refine(column, classes);
    for (let index = 0; index < classes; index++) this.classes.push({ first: 0, size: 0, members: undefined });
  }

  /** The classes in which targets are, by the first of each. */
  groups(): TargetClass[] {
    if (!this.counted) this.count();
    return this.classes.filter(({ size }) => size > 0).sort((a, b) => a.first - b.first);
  }

  /** Identifiers of the targets of a class, in the order of the list. */
  membersOf(one: TargetClass): string[] {
    if (one.members) return one.members;
    const wanted = this.classes.indexOf(one);
    const members: string[] = [];
    for (let index = one.first; members.length < one.size; index++)
      if (this.classOf[index] === wanted) members.push(this.targets[index]!.identifier);
    return (one.members = members);
  }

  /** To be called before answers change, for a class is known by what its first target answers. */
  prepare(): void {
    this.byCodes ??= this.index();
  }

  /** These targets answer otherwise now. */
  move(indexes: Iterable<number>): void {
    const byCodes = (this.byCodes ??= this.index());
    for (const index of indexes) {
      const codes = this.codesOf(index);
      let to = byCodes.get(codes);
      if (to === undefined) {
        to = this.classes.length;
        byCodes.set(codes, to);
        this.classes.push({ first: index, size: 0, members: undefined });
        this.widen(to);
      }
      const from = this.classOf[index]!;
      if (from === to) continue;
      this.classOf[index] = to;
      this.classes[from]!.members = undefined;
      this.classes[to]!.members = undefined;
      this.counted = false;
      this.generation += 1;
    }
  }

  /** More classes than targets: most are empty, and it is cheaper to begin anew. */
  get overgrown(): boolean {
    return this.classes.length > 2 * this.targets.length + TABLE_CELLS_MAX;
  }

  private refine(column: Column, classes: number): number {
    const answers = column.answers.length;
    if (answers === 1) return classes;
    const table = classes * answers <= TABLE_CELLS_MAX ? new Int32Array(classes * answers).fill(-1) : undefined;
    const map = new Map<number, number>();
    let next = 0;
    for (let index = 0; index < this.targets.length; index++) {
      const cell = this.classOf[index]! * answers + column.codeAt(index);
      let to = table ? table[cell]! : (map.get(cell) ?? -1);
      if (to < 0) {
        to = next++;
        if (table) table[cell] = to;
        else map.set(cell, to);
        this.widen(to);
      }
      this.classOf[index] = to;
    }
    return next;
  }

  private widen(highest: number): void {
    if (highest > 65_535 && this.classOf instanceof Uint16Array) this.classOf = Uint32Array.from(this.classOf);
  }

  private count(): void {
    for (const one of this.classes) one.size = 0;
    for (let index = 0; index < this.targets.length; index++) {
      const one = this.classes[this.classOf[index]!]!;
      if (one.size === 0) one.first = index;
      one.size += 1;
    }
    this.counted = true;
  }

  private index(): Map<string, number> {
    if (!this.counted) this.count();
    const byCodes = new Map<string, number>();
    this.classes.forEach((one, at) => {
      if (one.size > 0) byCodes.set(this.codesOf(one.first), at);
    });
    return byCodes;
  }

  private codesOf(index: number): string {
    let codes = '';
    for (const column of this.columns) codes += `${column.codeAt(index)} `;
    return codes;
  }
}
