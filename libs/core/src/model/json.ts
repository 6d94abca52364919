/** A JSON value as it stands on the wire, in a row and in a CEL activation. */
export type Json = null | boolean | number | string | Json[] | JsonObject;

/** A JSON object; an absent key and an undefined value are the same thing. */
export interface JsonObject {
  [key: string]: Json | undefined;
}
