/*
 * Loaded with `node --import` into every process that `slipway up` starts: its standard input is a pipe from the parent, and when the pipe
 * closes the parent is gone, however it died. Then this process ends in its ordinary way, so that nothing is left behind.
 */
process.stdin.resume();
process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'));
process.stdin.on('error', () => process.kill(process.pid, 'SIGTERM'));
// The pipe alone must not keep a process alive that has nothing else to do.
(process.stdin as unknown as { unref?: () => void }).unref?.();
