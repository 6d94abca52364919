import type { ResourceDoc } from '../model/inventory.js';
import type { JsonObject } from '../model/json.js';

/** Gives a resource by its identifier. */
export type ResourceLookup = (identifier: string) => ResourceDoc | undefined;

/**
 * What templates see as `relations`: the documents of the resources that this one relates to, by the name of the relation. One step only: what those relate
 * to is theirs. A resource that is not there is left out, so that a template which asks for it has no value.
 */
export function relationsOf(resource: Pick<ResourceDoc, 'relations'>, lookup: ResourceLookup): JsonObject {
  const relations: JsonObject = {};
  for (const [name, identifier] of Object.entries(resource.relations ?? {})) {
    const related = lookup(identifier);
    if (related) relations[name] = related as unknown as JsonObject;
  }
  return relations;
}
