export * from './eventually.js';
export * from './nats.js';
