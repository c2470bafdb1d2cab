import type { Problem, UserError } from "./types";

/** A request that was refused or did not get through. `code` is the API's, or NETWORK. */
export class ApiError extends Error implements Problem {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }

  static fromUserError(error: UserError): ApiError {
    const wait = error.retryAfter ? ` Try again in ${error.retryAfter} seconds.` : "";
    return new ApiError(error.code, error.message + wait);
  }
}

export function problemOf(error: unknown): Problem {
  if (error instanceof ApiError) return { code: error.code, message: error.message };
  console.error(error);
  return {
    code: "INTERNAL",
    message: "Something went wrong on this page. Reload it; what you typed is kept.",
  };
}
