import type { InboxItem, OperationName, RequestOf } from '@slipway/contracts';
import type { World } from './world.js';

type Ask = <N extends OperationName>(operation: N, request: RequestOf<N>, tries?: number) => Promise<unknown>;

/** People who answer what runs ask: they look into the inbox, take their time, and say yes to what they have read there, or no. */
export class Answers {
  /** Plans that somebody said yes to, as the inbox named them. */
  readonly confirmed = new Set<string>();

  constructor(
    private readonly world: World,
    private readonly ask: Ask,
  ) {}

  async answer(job: string): Promise<void> {
    const { random } = this.world;
    await this.wait(random.between(500, 15_000));
    const found = (await this.ask('scheduler.inbox', {})) as { items: InboxItem[] } | undefined;
    const item = found?.items.find((one) => one.job === job && one.kind === 'actionRequired');
    const question = / --question (\S+)/.exec(item?.asks[0] ?? '')?.[1];
    if (!item || question === undefined) return;
    // What is asked may be another thing by the time that they have made up their mind.
    if (random.chance(0.4)) await this.wait(random.between(500, 10_000));
    if (random.chance(0.1)) return void (await this.ask('scheduler.cancel', { job, reason: 'not like this' }, 1));
    this.confirmed.add(item.sentence.slice(item.sentence.indexOf('plan ')));
    await this.ask('scheduler.confirm', { job, question, reason: 'I read it' }, 1);
  }

  private wait(ms: number): Promise<void> {
    return this.world.clockwork.sleep(this.world.person, ms);
  }
}
