import { setTimeout as sleep } from 'node:timers/promises';
import type { RolloutView } from '@slipway/contracts';
import type { Command } from 'commander';
import type { Cli, Session } from '../cli.js';
import { renderRollout } from '../render/rollout.js';
import { moment } from '../render/when.js';
import { LiveBlock } from '../terminal.js';

/** A burst of events leads to one look. */
const COALESCE_MS = 100;
/** Progress inside a job is no event; look for it this often while something runs. */
const PROGRESS_LOOK_MS = 1_000;
const RUNNING = new Set(['pending', 'running', 'paused', 'halted']);

interface WatchOptions {
  environment?: string;
  once?: boolean;
  until?: boolean;
}

/** `watch`: rollouts live. */
export function watchCommand(program: Command, cli: Cli): void {
  program
    .command('watch')
    .description('rollouts live, one line per target')
    .argument('[deployment]')
    .option('-e, --environment <name>')
    .option('--once', 'show once and end', false)
    .option('--until-done', 'end when nothing runs any more', false)
    .action(async (deployment: string | undefined, options: WatchOptions & { untilDone?: boolean }) => {
      await cli.run((session) => watch(session, { ...(deployment ? { deployment } : {}), ...options, until: options.untilDone === true }));
    });
}

async function watch(session: Session, options: WatchOptions & { deployment?: string }): Promise<void> {
  const { output } = session;
  if (options.once) {
    const views = await look(session, options);
    output.result(
      views,
      () => views.map((view) => renderRollout(view, session.now(), output.paint).join('\n')).join('\n\n') || 'No rollout.',
    );
    return;
  }
  const block = new LiveBlock(process.stdout);
  let changed = true;
  const subject = `slipway.evt.*.${options.deployment ?? '*'}.${options.environment ?? '*'}.>`;
  const events = session.nats.subscribe(subject, {
    callback: (error, message) => {
      if (error) return;
      changed = true;
      if (output.format === 'json') process.stdout.write(`${JSON.stringify({ subject: message.subject, event: message.json() })}\n`);
    },
  });
  let seen = new Map<string, string>();
  for (let idleMs = 0; ;) {
    if (changed || idleMs >= PROGRESS_LOOK_MS) {
      changed = false;
      idleMs = 0;
      const views = await look(session, options);
      if (output.format === 'text') seen = show(block, views, seen, session);
      if (options.until && !views.some((view) => RUNNING.has(view.state))) break;
    }
    await sleep(COALESCE_MS);
    idleMs += COALESCE_MS;
  }
  events.unsubscribe();
}

/** Running rollouts stay in the live block; one that ended is printed once and scrolls away. */
function show(block: LiveBlock, views: RolloutView[], seen: Map<string, string>, session: Session): Map<string, string> {
  const { paint } = session.output;
  const states = new Map(views.map((view) => [view.id, view.state]));
  for (const view of [...views].reverse()) {
    const before = seen.get(view.id);
    if (before !== undefined && RUNNING.has(before) && !RUNNING.has(view.state)) {
      block.log(renderRollout(view, session.now(), paint).join('\n'));
    }
  }
  const live = views.filter((view) => RUNNING.has(view.state));
  const lines = live.flatMap((view) => [...renderRollout(view, session.now(), paint), '']);
  block.show(lines.length > 0 ? lines : [paint.dim(`nothing under way (${moment(session.now(), session.now())})`)]);
  return states;
}

async function look(session: Session, options: { deployment?: string; environment?: string }): Promise<RolloutView[]> {
  const reply = await session.requests.ask('scheduler.rollouts', {
    ...(options.deployment ? { deployment: options.deployment } : {}),
    ...(options.environment ? { environment: options.environment } : {}),
    limit: 10,
  });
  return reply.rollouts;
}
