import { INBOX_MAX, oldestFirst, type InboxItem } from '@slipway/contracts';
import type { Command } from 'commander';
import type { Cli } from '../cli.js';
import { renderInbox } from '../render/inbox.js';

/** Something waits: like a `diff` that found something. */
const FOUND = 10;

/** `inbox`: what the scheduler and the policy service have for people, in one list. */
export function inboxCommand(program: Command, cli: Cli): void {
  program
    .command('inbox')
    .description('all that waits for a person, oldest first, with what can be done about it; exit code 10 when something does')
    .argument('[deployment]')
    .option('-e, --environment <name>')
    .option('-s, --system <name>')
    .action(async (deployment: string | undefined, options: { environment?: string; system?: string }) => {
      await cli.run(async ({ requests, output, now }) => {
        const scope = { ...(deployment === undefined ? {} : { deployment }), ...options };
        const [may, runs] = await Promise.all([requests.ask('policy.inbox', scope), requests.ask('scheduler.inbox', scope)]);
        const all: InboxItem[] = oldestFirst([...may.items, ...runs.items]);
        const items = all.slice(0, INBOX_MAX);
        const more = may.more + runs.more + all.length - items.length;
        output.result({ items, more }, () => renderInbox(items, more, now(), output.paint));
        return items.length > 0 ? FOUND : 0;
      });
    });
}
