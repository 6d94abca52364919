export * from './check-expressions.js';
export { warnOfExecutor } from './config-check.js';
export * from './json-schemas.js';
export * from './kinds.js';
export { completeMetric, type MetricUse } from './metric.js';
export * from './suggest.js';
export * from './read.js';
export * from './resolve.js';
export type { WrittenRule } from './rules.js';
export {
  documentsInvalid,
  formatPath,
  formatProblem,
  parsePath,
  type DocumentPath,
  type DocumentProblem,
  type SourceFile,
} from './source.js';
