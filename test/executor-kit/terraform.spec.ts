import { describeExecutor } from './executor-suite.js';
import { terraformSubject } from './subjects/terraform-system.js';

describeExecutor('terraform', terraformSubject, {
  without: [
    'observesElsewhere', // a local state is seen on one machine only; a shared one is tried with the real CLI
    ...([
      'instants',
      'loseStartAnswer',
      'startAnswers502AfterDoing',
      'down',
      'up',
      'slow',
      'ignoreCancel',
      'askPerson',
      'personActs',
    ] as const),
  ],
});
