/** `git::https://host/owner/name.git//folder?ref=v1`, `git@host:owner/name.git`, `github.com/owner/name`: owner and name in the second part. */
const REPOSITORY =
  /^(?:git::)?(?:(?:https?|ssh|git):\/\/)?(?:[^@/\s]+@)?[\w-]+(?:\.[\w-]+)+(?::\d+)?[/:]([\w.-]+\/[\w.-]+?)(?:\.git)?(?:\/\/.*|\?.*)?$/;

/** The repository of a module's address, for the allow-list; the address itself where it names none, so that a list of repositories refuses it. */
export const repositoryOf = (module: string): string => REPOSITORY.exec(module)?.[1] ?? module;
