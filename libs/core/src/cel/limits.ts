/*
 * Limits of one expression. No CEL library bounds run time, so the shape of the source does: what passes here runs in well under a
 * millisecond over the activations we give it.
 */

/** Longest source. People write lines; machines that write more should write several rules. */
export const SOURCE_BYTES_MAX = 4096;
/** Most syntax nodes, comprehensions expanded. */
export const NODES_MAX = 500;
/** Deepest nesting of nodes: keeps recursion of parser and evaluator shallow. */
export const DEPTH_MAX = 32;
/** Deepest nesting of brackets in the source, checked before parsing: a recursive parser must not be fed more. */
export const BRACKETS_DEPTH_MAX = 32;
/** `all` inside `exists` is fine; a third level would be cubic in the data. */
export const COMPREHENSION_NESTING_MAX = 2;
/** Longest list or map literal. */
export const LITERAL_ELEMENTS_MAX = 200;
/** Compiled sources that are remembered; the oldest goes first. */
export const CACHED_SOURCES_MAX = 4096;
