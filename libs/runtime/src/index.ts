export * from './backoff.js';
export * from './clock.js';
export * from './config.js';
export * from './ids.js';
export * from './log.js';
export * from './ports.js';
export * from './shutdown.js';
export * from './wake-loop.js';
