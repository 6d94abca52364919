const TERMINAL_SEQUENCE = /\u001b(?:\[[0-9;:?<=>]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;

/** Text that JSON, PostgreSQL and a terminal take: no terminal sequences, no control characters but tab and line ends, no half characters. */
export const printable = (text: string): string => text.replace(TERMINAL_SEQUENCE, '').replace(CONTROL, '').toWellFormed();

/** Printable and cut to a length. */
export function cleanText(text: string, lengthMax: number): string {
  const clean = printable(text.length > 4 * lengthMax ? text.slice(0, 4 * lengthMax) : text);
  return clean.length <= lengthMax ? clean : `${clean.slice(0, lengthMax - 1).toWellFormed()}…`;
}
