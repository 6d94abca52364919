export * from './eventually.js';
export * from './nats.js';
export * from './postgres.js';
export * from './proxy.js';
