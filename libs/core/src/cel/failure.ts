/** Why an expression has no value. A value, not an exception: on hot paths a missing name is an ordinary answer. */
export class CelFailure {
  /**
   * @param message for people
   * @param missing the path that does not exist, when that is the cause
   */
  constructor(
    readonly message: string,
    readonly missing?: string,
  ) {}
}

/** Thrown (without a stack) by a closure that meets a case it leaves to the library. */
export const LEAVE_TO_LIBRARY = Object.freeze({ leaveToLibrary: true });
