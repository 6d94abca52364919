/** One thing wrong with a document, at a path inside it: `rules[0].soak`. */
export interface Issue {
  path: string;
  /** What is wrong and what would be right. */
  message: string;
  /** The right name nearest to a wrong one. */
  nearest?: string;
}
