export * from './inventory-mirror.js';
export * from './outbox.js';
export * from './store.js';
export * from './store.memory.js';
export * from './table.js';
