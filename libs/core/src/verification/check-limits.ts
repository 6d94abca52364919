import type { MetricSpec } from '../model/metric.js';
import type { Issue } from '../text/issue.js';

/** Limits of a metric that can never do what they say. `warnings`: it can be judged all the same, though hardly as meant. */
export function checkLimits(metric: MetricSpec): { problems: Issue[]; warnings: Issue[] } {
  const { count, consecutiveSuccess, failureLimit, inconclusiveLimit } = metric;
  const problems: Issue[] = [];
  const warnings: Issue[] = [];
  if (consecutiveSuccess !== undefined && consecutiveSuccess > count)
    problems.push({
      path: 'consecutiveSuccess',
      message: `${consecutiveSuccess} is more than count, which is ${count}: so many in a row never come; write at most ${count}`,
    });
  if (failureLimit >= count)
    warnings.push({
      path: 'failureLimit',
      message: `${failureLimit} failures are tolerated of ${count} measurements: the metric can never fail; write less than ${count}`,
    });
  if (inconclusiveLimit >= count && inconclusiveLimit > 0)
    warnings.push({
      path: 'inconclusiveLimit',
      message: `${inconclusiveLimit} inconclusive ones are tolerated of ${count} measurements; write less than ${count}`,
    });
  return { problems, warnings };
}
