// Why a request to the gateway did not work. Two ways, told apart because what to do next differs.

/** The gateway's answer to a refused request: RFC 9457, with a code that stays the same over versions. */
export interface Problem {
  readonly type?: string;
  readonly title?: string;
  readonly status?: number;
  /** Stable, for programs: `not_found`, `unknown_preset`, ... */
  readonly code?: string;
  /** One sentence for people that says what to do. */
  readonly detail?: string;
}

/** The gateway answered, and refused. Repeating the same request gives the same answer unless `status` is 429 or 5xx. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  /** HTTP status. */
  readonly status: number;
  /** The problem's stable code, or `http_<status>` when something between us answered without one. */
  readonly code: string;

  constructor(status: number, problem: Problem) {
    super(problem.detail ?? problem.title ?? `The server answered with status ${status}.`);
    this.status = status;
    this.code = problem.code ?? `http_${status}`;
  }
}

/** The gateway could not be reached, or did not answer in time. Nothing is known about what it did. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";

  constructor(cause: unknown) {
    super("The server cannot be reached. Check that it runs and that you are online, then try again.", {
      cause,
    });
  }
}

/** The error of a response that is not ok. */
export async function refusal(response: Response): Promise<RefusedError> {
  const type = response.headers.get("content-type") ?? "";
  let problem: Problem = {};
  if (type.includes("json")) {
    try {
      problem = (await response.json()) as Problem;
    } catch {
      // A body cut short says less than the status, which stays.
    }
  }
  return new RefusedError(response.status, problem);
}

/** What a person should read of any error. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
